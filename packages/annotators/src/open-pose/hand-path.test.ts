import { poseCondition, resizeToResolution } from "@controlnet-js/preprocessors";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test, vi } from "vitest";
import { asImage, readFixture } from "../testing/read-fixture.js";
import { useWasm } from "../testing/use-wasm.js";
import { openPoseNetwork } from "./open-pose-network.js";

// The networks of `tooling/reference/annotators/hand_path.py`, which take no minutes: the body's answers with a drawn person,
// the hand's looks at what it is shown.
const made = vi.hoisted(() => ({
  body: undefined as unknown as (x: tf.Tensor4D) => { limbs: tf.Tensor4D; joints: tf.Tensor4D },
  hand: undefined as unknown as (x: tf.Tensor4D) => tf.Tensor4D,
}));
vi.mock("./networks.js", () => ({
  loadBodyNetwork: () => ({}),
  loadHandNetwork: () => ({}),
  bodyNetwork: (_: unknown, x: tf.Tensor4D) => made.body(x),
  handNetwork: (_: unknown, x: tf.Tensor4D) => made.hand(x),
}));

beforeAll(useWasm);

const fixture = readFixture("hand-path.bin.gz");
const RESOLUTION = 256;

/** Maps that are stored in thousandths. */
const thousandths = (key: string): tf.Tensor4D => {
  const { shape, data } = fixture[key]!;
  const values = Float32Array.from(data, (value) => value / 1000);
  return tf.tensor4d(values, [1, ...shape] as [number, number, number, number]);
};

function look(x: tf.Tensor4D): tf.Tensor4D {
  const means = tf.avgPool(x, 8, 8, "valid");
  const { mix, bias } = fixture;
  // The networks see BGR here as there.
  const kernel = tf.reshape(tf.transpose(tf.tensor2d(Float32Array.from(mix!.data), [22, 3])), [1, 1, 3, 22]);
  const mixed = tf.conv2d(means, kernel as tf.Tensor4D, 1, "valid");
  return tf.relu(tf.add<tf.Tensor4D>(mixed, tf.tensor1d(Float32Array.from(bias!.data))));
}

test.each([
  ["both", true],
  ["edge", false],
])(
  "a picture becomes controlnet_aux's map, pixel by pixel: %s, left hand %s",
  {
    timeout: 120_000,
  },
  async (scene, hasLeft) => {
    const asked: number[][] = [];
    made.body = (x) => {
      asked.push(x.shape.slice(1, 3));
      return { limbs: thousandths(`${scene}.limbs`), joints: thousandths(`${scene}.joints`) };
    };
    made.hand = (x) => {
      asked.push(x.shape.slice(1, 3));
      return look(x);
    };
    const sources = {} as Parameters<typeof openPoseNetwork>[0]["body"];
    const network = openPoseNetwork({ body: sources, hand: sources }, { resolution: RESOLUTION });
    const picture = resizeToResolution(asImage(fixture.photo!), RESOLUTION);
    const { map, findings } = await poseCondition.withNetwork(network).examine(picture);
    network.dispose();

    const { shape, data } = fixture[`${scene}.sizes`]!;
    expect(asked).toEqual(Array.from({ length: shape[0]! }, (_, i) => [...data.subarray(2 * i, 2 * i + 2)]));
    const hands = { hand_left_keypoints_2d: hasLeft ? expect.any(Array) : null };
    expect(findings).toMatchObject({
      pose: { people: [{ ...hands, hand_right_keypoints_2d: expect.any(Array) }] },
    });
    const wanted = fixture[`${scene}.map`]!;
    expect([map.height, map.width, map.channels]).toEqual(wanted.shape);
    let different = 0;
    for (let i = 0; i < map.data.length; i++) if (map.data[i] !== wanted.data[i]) different++;
    expect(different).toBe(0);
  },
);
