// Loaded before every JavaScript client (node --import). Names under .localhost mean this machine (RFC 6761 §6.3);
// browsers and curl know that, the resolver of a plain Debian does not.
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";

const lookup = dns.lookup;
dns.lookup = (name, ...rest) => lookup(/\.localhost$/i.test(name) ? "127.0.0.1" : name, ...rest);
syncBuiltinESMExports();
