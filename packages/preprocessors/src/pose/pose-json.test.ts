import { expect, test } from "vitest";
import { toOpenPose } from "./convert-skeleton.js";
import { BODY_JOINTS, type Keypoint } from "./pose.js";
import { readPoseJson, writePoseJson } from "./pose-json.js";

const joints = (count: number): Keypoint[] =>
  Array.from({ length: count }, (_, i) => ({ x: 10 + i, y: 20 + i, score: 1 }));

test("a scene survives writing and reading", () => {
  const body = [...joints(17), null];
  const scene = { width: 64, height: 48, people: [{ body, leftHand: joints(21), face: joints(70) }] };
  expect(readPoseJson(JSON.parse(JSON.stringify(writePoseJson(scene))))).toEqual(scene);
});

test("relative positions and BODY_25 are read", () => {
  const relative = Array.from({ length: 18 }, () => [0.5, 0.25, 1]).flat();
  const people = [{ pose_keypoints_2d: relative }];
  expect(readPoseJson({ canvas_width: 100, canvas_height: 80, people }).people[0]!.body[3]).toEqual({
    x: 50,
    y: 20,
    score: 1,
  });
  const body25 = joints(25).flatMap(({ x, y }) => [x, y, 0.9]);
  const [person] = readPoseJson({
    canvas_width: 100,
    canvas_height: 80,
    people: [{ pose_keypoints_2d: body25 }],
  }).people;
  expect(person!.body.map((k) => k!.x - 10)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
  ]);
});

test("positions are pixels as soon as one of the file's is beyond 1; a face may lack its pupils", () => {
  const near = [0.5, 0.75, 1, ...Array<number>(20 * 3).fill(0)];
  const body = [30, 40, 1, ...Array<number>(17 * 3).fill(0)];
  const people = [
    { hand_left_keypoints_2d: near, pose_keypoints_2d: body },
    { face_keypoints_2d: joints(68).flatMap(({ x, y }) => [x, y, 1]) },
  ];
  const [first, second] = readPoseJson({ canvas_width: 100, canvas_height: 80, people }).people;
  expect(first!.leftHand![0]).toEqual({ x: 0.5, y: 0.75, score: 1 });
  expect(second!.face).toEqual([...joints(68), null, null]);
  const relative = readPoseJson({
    canvas_width: 100,
    canvas_height: 80,
    people: [{ hand_left_keypoints_2d: near }],
  });
  expect(relative.people[0]!.leftHand![0]).toEqual({ x: 50, y: 60, score: 1 });
});

test("a file of OpenPose itself names no canvas: it is given", () => {
  const file = {
    version: 1.3,
    people: [
      {
        person_id: [-1],
        pose_keypoints_2d: joints(25).flatMap(({ x, y }) => [x, y, 0.9]),
        face_keypoints_2d: [],
      },
    ],
  };
  expect(() => readPoseJson(file)).toThrow(/canvas_width: .*OpenPose's own files have none/);
  const scene = readPoseJson(file, { width: 640, height: 480 });
  expect(scene).toMatchObject({ width: 640, height: 480 });
  expect(scene.people[0]!.body[0]).toEqual({ x: 10, y: 20, score: 0.9 });
  expect(readPoseJson({ ...file, canvas_width: 100, canvas_height: 90 }, { width: 1, height: 1 }).width).toBe(
    100,
  );
});

test("broken files are refused and the field is named", () => {
  const file = (people: unknown) => () => readPoseJson({ canvas_width: 10, canvas_height: 10, people });
  expect(() => readPoseJson([])).toThrow(/the file: expected an object/);
  expect(() => readPoseJson({ canvas_width: -1 })).toThrow(/canvas_width: expected 1 to 32768/);
  const far = [1e7, 0, 1, ...Array<number>(17 * 3).fill(0)];
  expect(file([{ pose_keypoints_2d: far }])).toThrow(
    expect.objectContaining({
      code: "format",
      message: expect.stringMatching(/people\[0\]\.pose_keypoints_2d: .* below a million/),
    }),
  );
  expect(file("x")).toThrow(/people: expected a list/);
  expect(file([{ pose_keypoints_2d: [1, 2] }])).toThrow(
    /people\[0\]\.pose_keypoints_2d: expected 54 numbers, got 2/,
  );
  expect(file([{ pose_keypoints_2d: [1, "2", 3] }])).toThrow(/finite numbers/);
});

test("joints of other skeletons are in the order that controlnet_aux's DWPose and MediaPipe have", () => {
  const order = (count: number, skeleton: "coco-17" | "blazepose-33") =>
    toOpenPose(joints(count), skeleton).map((joint) => joint!.x - 10);
  expect(order(17, "coco-17")).toEqual([0, 5.5, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]);
  expect(order(33, "blazepose-33")).toEqual([
    0, 11.5, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7,
  ]);
});

test("the neck of COCO and BlazePose is the middle of the shoulders", () => {
  const coco = toOpenPose(joints(17), "coco-17");
  const at = (name: (typeof BODY_JOINTS)[number]) => coco[BODY_JOINTS.indexOf(name)];
  expect(at("neck")).toEqual({ x: 15.5, y: 25.5, score: 1 });
  expect(at("rightAnkle")!.x).toBe(26);
  expect(at("leftEye")!.x).toBe(11);
  const blaze = toOpenPose(joints(33), "blazepose-33");
  expect(blaze[1]).toEqual({ x: 21.5, y: 31.5, score: 1 });
  const unsure = joints(17).map((k, i) => ({ ...k, score: i === 5 ? 0.1 : 0.9 }));
  expect(toOpenPose(unsure, "coco-17")[1]).toBeNull();
  expect(() => toOpenPose(joints(18), "coco-17")).toThrow(/coco-17 has 17 keypoints, got 18/);
});
