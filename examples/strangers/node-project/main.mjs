import { readFileSync } from "node:fs";
import ms from "ms";
import { shout } from "./lib/shout.js";

console.log(shout(ms(readFileSync(new URL(import.meta.url)).length > 0 ? 60000 : 0)));
