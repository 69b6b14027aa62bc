import { groundOf } from "../backdrop.js";
import { toLinear } from "../intersect.js";
import { hash2, noise2, smoothstep } from "../noise.js";
import type { Setting } from "../settings.js";
import type { Vector } from "../vector.js";
import type { Surroundings } from "../world.js";
import { settingOf } from "./places.js";
import type { Scene2 } from "./scene.js";

const linear = (colour: Vector): Vector => [toLinear(colour[0]), toLinear(colour[1]), toLinear(colour[2])];

function blend(out: Float64Array, colour: Vector, alpha: number): void {
  out[0] = out[0]! + (colour[0] - out[0]!) * alpha;
  out[1] = out[1]! + (colour[1] - out[1]!) * alpha;
  out[2] = out[2]! + (colour[2] - out[2]!) * alpha;
}

/** Light, sky, horizon and ground of a scene. */
export function surroundingsOf(scene: Scene2): Surroundings {
  const { place, time, variation, light, camera } = scene;
  const setting = settingOf(place, time);
  const main = scene.objects[0]!.position;
  const [px, py, pz] = camera.position;
  const pattern = groundOf(setting, variation);
  // The ground's pattern (shore, kerb, boards) lies behind what stands there, turned a little.
  const turn = (camera.yaw ?? 0) + (variation[1]! - 0.5) * (place === "beach" ? 0.7 : 2.4);
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  const back = Math.min(...scene.objects.map(({ position: [x, , z] }) => s * x + c * z));
  const shift = place === "beach" ? back + 1.6 - 2.5 * variation[0]! : c * main[2] + s * main[0];
  return {
    light,
    sun: setting.sun,
    ambient: setting.ambient,
    bounce: setting.bounce,
    haze: setting.haze,
    start: Math.hypot(main[0] - px, main[1] - py, main[2] - pz) + 0.3,
    distant: linear(setting.skyLow),
    sky: skyOf(scene, setting),
    ground: (x, z, distance, out) => pattern(c * x - s * z, s * x + c * z - shift, distance, out),
    wall: () => {},
  };
}

/** The sky and what stands at the horizon, all around. */
function skyOf({ place, time, variation, light, camera }: Scene2, setting: Setting): Surroundings["sky"] {
  const top = linear(setting.skyTop);
  const low = linear(setting.skyLow);
  const near = linear(setting.far[0]);
  const far = linear(setting.far[1]);
  const phase = variation[2]! * 40;
  const start = camera.yaw ?? 0;
  const night = time === "night";
  const clouds = place === "moon" || place === "fog" || night ? 0 : variation[4]! * 0.9;
  const cloud: Vector = time === "sunset" ? [0.95, 0.62, 0.5] : [0.96, 0.97, 1];
  const discU = Math.atan2(light[0], -light[2]);
  const discV = Math.min(0.3, light[1] * 0.4);
  const disc: Vector | null =
    time === "sunset"
      ? [1, 0.86, 0.56]
      : night
        ? [0.82, 0.84, 0.78]
        : place === "moon"
          ? [0.12, 0.3, 0.66]
          : null;
  const radius = place === "moon" ? 0.075 : 0.045;
  const ridge = (u: number, scale: number, height: number): number =>
    height * (0.3 + 0.7 * noise2(u * scale + phase, scale));
  const layer = (out: Float64Array, v: number, height: number, colour: Vector): void =>
    blend(out, colour, smoothstep(height + 0.004, height - 0.004, v));
  const horizon = (out: Float64Array, u: number, v: number): void => {
    switch (setting.backdrop) {
      case "hills":
        layer(out, v, ridge(u, 3, 0.1), far);
        layer(out, v, ridge(u + 7, 5, 0.055), near);
        break;
      case "mountains": {
        const peak = Math.abs((((u + 9) * 2.3 + phase) % 1) - 0.5) * 0.22 + 0.03 * noise2(u * 9, phase);
        layer(out, v, peak + 0.01, far);
        layer(out, v, ridge(u + 3, 4, 0.05), near);
        break;
      }
      case "dunes":
        layer(out, v, ridge(u, 2.6, 0.08), far);
        layer(out, v, ridge(u + 5, 3.7, 0.045), near);
        break;
      case "craters":
        layer(out, v, ridge(u, 3, 0.05), far);
        layer(out, v, ridge(u + 4, 4.5, 0.03), near);
        break;
      case "city":
        for (let row = 0; row < 2; row++) {
          const at = u * (row === 0 ? 6 : 4.5) + phase + row * 3;
          const tower = Math.floor(at);
          const height =
            (row === 0 ? 0.12 : 0.06) + 0.12 * hash2(tower, row + Math.floor(variation[5]! * 1000));
          if (v > height) continue;
          blend(out, row === 0 ? far : near, 1);
          const [wx, wy] = [(at - tower) * 3, v * 24];
          const [fx, fy] = [wx - Math.floor(wx), wy - Math.floor(wy)];
          const lit = hash2(tower * 8 + Math.floor(wx), Math.floor(wy) + row * 50) < (night ? 0.32 : 0.75);
          if (!lit || height - v < 0.025 || v < 0.01 || Math.abs(fx - 0.5) > 0.28 || Math.abs(fy - 0.5) > 0.3)
            continue;
          if (night) blend(out, [0.75, 0.56, 0.26], row === 0 ? 0.4 : 0.62);
          else blend(out, top, 0.3);
        }
    }
  };
  return (dx, dy, dz, out) => {
    let u = Math.atan2(dx, -dz) + start;
    if (u > Math.PI) u -= 2 * Math.PI;
    else if (u < -Math.PI) u += 2 * Math.PI;
    const v = dy / Math.sqrt(dx * dx + dz * dz + 1e-12);
    out[0] = low[0];
    out[1] = low[1];
    out[2] = low[2];
    blend(out, top, smoothstep(0, 0.42, v));
    if (time === "sunset") {
      let away = Math.abs(Math.atan2(dx, -dz) - discU);
      if (away > Math.PI) away = 2 * Math.PI - away;
      blend(out, [1, 0.66, 0.32], 0.6 * smoothstep(0.7, 0, away + Math.abs(v)));
    }
    if (v < -0.02) return;
    if (night || place === "moon") {
      const [cu, cv] = [Math.floor(u * 13), Math.floor(v * 13)];
      const [su, sv] = [(cu + 0.2 + 0.6 * hash2(cu, cv)) / 13, (cv + 0.2 + 0.6 * hash2(cv, cu)) / 13];
      if (hash2(cu + 31, cv) < 0.4)
        blend(out, [0.7, 0.72, 0.8], 0.8 * smoothstep(0.009, 0.002, Math.hypot(u - su, v - sv)));
    }
    if (disc) {
      let away = Math.abs(Math.atan2(dx, -dz) - discU);
      if (away > Math.PI) away = 2 * Math.PI - away;
      blend(out, disc, smoothstep(radius + 0.006, radius - 0.006, Math.hypot(away, v - discV)));
    }
    if (clouds > 0.2) {
      const n = 0.7 * noise2(u * 4 + phase, v * 13) + 0.3 * noise2(u * 9, v * 26 + phase);
      blend(
        out,
        cloud,
        0.85 * smoothstep(1.05 - 0.5 * clouds, 1.2 - 0.5 * clouds, n + 0.1) * smoothstep(0.06, 0.14, v),
      );
    }
    if (v < 0.3) horizon(out, u, v);
  };
}
