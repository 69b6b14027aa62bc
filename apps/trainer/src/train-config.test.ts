import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readTrainConfig } from "./train-config.js";

const configs = fileURLToPath(new URL("../../../configs", import.meta.url));

function write(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "config-")), "train.yaml");
  writeFileSync(path, text);
  return path;
}

const smallest = "data: { kind: tinyworld }\noutput: runs/x\n";

test.each(["tinyworld-canny.yaml", "tinyworld-canny-wasm.yaml", "fill50k.yaml", "image-folder.yaml"])(
  "%s is a valid config",
  (name) => {
    expect(readTrainConfig(join(configs, name))).toMatchObject({
      task: "controlnet",
      training: { promptDropping: 0.5 },
    });
  },
);

test("each task has a config and its own keys", () => {
  expect(readTrainConfig(join(configs, "tinyworld-autoencoder.yaml"))).toMatchObject({
    task: "autoencoder",
    model: { channels: [16, 32, 64, 128] },
  });
  expect(readTrainConfig(join(configs, "tinyworld-base.yaml"))).toMatchObject({
    task: "text-to-image",
    unet: { channels: [64, 128, 192] },
  });
  const [two, base] = ["autoencoder", "base"].map((part) =>
    readTrainConfig(join(configs, `tinyworld2-${part}.yaml`)),
  );
  expect(two).toMatchObject({ task: "autoencoder", data: { world: 2, pencil: 0.2 } });
  expect(base).toMatchObject({ task: "text-to-image", data: { world: 2 }, training: { minSnr: 5 } });
  expect(() => readTrainConfig(write(`${smallest}task: text-to-img\n`))).toThrow(
    /unknown task "text-to-img", did you mean "text-to-image"\? \(known: controlnet, autoencoder/,
  );
  expect(() => readTrainConfig(write(`${smallest}task: autoencoder\nmodel: { chanels: [8] }\n`))).toThrow(
    /unknown key "model.chanels", did you mean "channels"\?/,
  );
  expect(() => readTrainConfig(write(`${smallest}task: autoencoder\nhintWidths: [8]\n`))).toThrow(
    /unknown key "hintWidths"/,
  );
});

test("defaults are the published ones, and --set changes a key", () => {
  const config = readTrainConfig(write(smallest), ["training.batchSize=8", "data.count=10", "output=runs/y"]);
  expect(config.training).toMatchObject({ learningRate: 1e-5, weightDecay: 1e-2, clipNorm: 1, batchSize: 8 });
  expect(config.data).toEqual({ kind: "tinyworld", count: 10, seed: 1 });
  expect(config.output).toBe("runs/y");
});

test("an unknown key is an error that names the nearest known one", () => {
  expect(() => readTrainConfig(write(`${smallest}trainning: { steps: 3 }\n`))).toThrow(
    /unknown key "trainning", did you mean "training"\?/,
  );
  expect(() => readTrainConfig(write(smallest), ["training.batch_size=3"])).toThrow(
    /unknown key "training.batch_size", did you mean "batchSize"\?/,
  );
});

test("wrong values, bad YAML and missing files are named", () => {
  expect(() => readTrainConfig(write(smallest), ["training.steps=-1"])).toThrow(/training\.steps/);
  const stops = ["training.stopAfterConvergence=3", "validation.every=0"];
  expect(() => readTrainConfig(write(smallest), stops)).toThrow(
    /stopAfterConvergence: needs validations, but validation\.every is 0/,
  );
  expect(() => readTrainConfig(write(smallest), ["training.steps"])).toThrow(/--set expects key=value/);
  expect(() => readTrainConfig(write("a: [1"))).toThrow(/is not valid YAML/);
  expect(() => readTrainConfig("/no/such.yaml")).toThrow(/can't read the config \/no\/such\.yaml/);
  expect(() => readTrainConfig(write("output: x\ndata: { kind: parquet }\n"))).toThrow(/data\.kind/);
});

test("a --set that undoes another one is refused; one inside of another is not", () => {
  const set = (...settings: string[]) => readTrainConfig(write(smallest), settings).training;
  expect(() => set("training.steps=2", "data.count=9", "training.steps=4")).toThrow(
    /--set training\.steps=4 takes the place of --set training\.steps=/,
  );
  expect(() => set("training.steps=2", "training={ seed: 1 }")).toThrow(/of --set training\.steps=/);
  expect(set("training={ seed: 1 }", "training.steps=2")).toMatchObject({ seed: 1, steps: 2 });
});

test("paths in a config are relative to its folder, paths given by --set to the working folder", () => {
  const path = write(
    "data: { kind: json-lines, dir: pictures }\ncondition: ./mine.ts\nweights: { body: body.pth }\noutput: runs/x\n",
  );
  expect(readTrainConfig(path)).toMatchObject({
    data: { dir: join(path, "..", "pictures") },
    condition: join(path, "..", "mine.ts"),
    weights: { body: join(path, "..", "body.pth") },
    base: "tinyworld",
    output: "runs/x",
  });
  const settings = ["data.dir=photos", "condition=./other.ts", "weights.hand=/nets/hand.pth", "base=sd15"];
  expect(readTrainConfig(path, settings)).toMatchObject({
    data: { dir: resolve("photos") },
    condition: resolve("other.ts"),
    weights: { body: join(path, "..", "body.pth"), hand: "/nets/hand.pth" },
    base: resolve("sd15"),
  });
  expect(readTrainConfig(path, ["weights=nets/hed.pth", "condition=hed"])).toMatchObject({
    weights: resolve("nets/hed.pth"),
    condition: "hed",
  });
});
