# Stands in for cnosdb/cnosdb: the test kit's stand-in for CnosDB, as the program that the image has.
ARG BASE
FROM $BASE
COPY embedded package.json /opt/cnosdb/embedded/
COPY --chmod=0755 cnosdb.mjs /opt/cnosdb/
RUN ln -s /opt/cnosdb/cnosdb.mjs /usr/local/bin/cnosdb
USER 1000:1000
