import { viewOf } from "../camera.js";
import { solidObjects, type World } from "../world.js";
import { type BuiltObject2, buildObject2 } from "./objects.js";
import { type RoomPart, roomParts, roomSolids } from "./room.js";
import type { Scene2 } from "./scene.js";
import { surroundingsOf } from "./surroundings.js";

/** A scene of world 2 made ready for rays. */
export interface World2 extends World {
  built: BuiltObject2[];
  roomParts: RoomPart[];
}

/** Builds all that stands in a scene. */
export function world2Of(scene: Scene2): World2 {
  const built = scene.objects.map((object) => buildObject2(object, scene.time === "night"));
  const parts = scene.room ? roomParts(scene.room, scene.objects) : [];
  return {
    ...solidObjects(built),
    built,
    roomParts: parts,
    scenery: roomSolids(parts),
    view: viewOf(scene.camera),
    wall: -Infinity,
    surroundings: surroundingsOf(scene),
  };
}
