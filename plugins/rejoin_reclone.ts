import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'rejoin_method',
  description: "copies the whole data directory anew, by the server's clone_method",
  run: () => (_context, request) => request.reclone(),
});
