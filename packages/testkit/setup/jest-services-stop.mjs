export { teardown as default } from './jest-services.mjs'
