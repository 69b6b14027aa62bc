// Run by a test as processes of their own: writes pictures of one seed, all from number 0; `without` is a system call to fail.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [folder, count, level, without] = process.argv.slice(2);
if (without === "link") {
  fs.linkSync = () => {
    throw Object.assign(new Error("EPERM: operation not permitted, link"), { code: "EPERM" });
  };
  syncBuiltinESMExports();
}
const { writePictures } = await import("../sample/write-pictures.js");
const image = { data: new Uint8Array(3).fill(Number(level)), width: 1, height: 1, channels: 3 };
for (let i = 0; i < Number(count); i++) await writePictures(folder!, [image], { seed: 7, first: 0, level });
