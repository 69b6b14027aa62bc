import { toLinear } from "./intersect.js";
import { hash2, noise2, smoothstep } from "./noise.js";
import type { Setting } from "./settings.js";
import type { Vector } from "./vector.js";

const linear = (colour: Vector): Vector => [toLinear(colour[0]), toLinear(colour[1]), toLinear(colour[2])];

/** Writes a colour (linear RGB) for the far distance in the direction (u, v): metres right and up at 1 m ahead. */
export type Backdrop = (u: number, v: number, out: Float64Array) => void;

/** Writes the ground's colour (linear RGB) at a point, `distance` metres away from the camera. */
export type Ground = (x: number, z: number, distance: number, out: Float64Array) => void;

function blend(out: Float64Array, colour: Vector, alpha: number): void {
  out[0] = out[0]! + (colour[0] - out[0]!) * alpha;
  out[1] = out[1]! + (colour[1] - out[1]!) * alpha;
  out[2] = out[2]! + (colour[2] - out[2]!) * alpha;
}

/** The sky and what stands at the horizon; `variation` has at least 8 numbers in [0, 1). */
export function backdropOf(setting: Setting, variation: readonly number[]): Backdrop {
  const top = linear(setting.skyTop);
  const low = linear(setting.skyLow);
  const near = linear(setting.far[0]);
  const far = linear(setting.far[1]);
  const [a, b, c, d] = [variation[2]!, variation[3]!, variation[4]!, variation[5]!];
  const phase = a * 40;
  const discU = (b < 0.5 ? -1 : 1) * (0.1 + 0.18 * c);
  const white: Vector = [0.96, 0.97, 1];
  const sky: Backdrop = (_, v, out) => {
    out[0] = low[0];
    out[1] = low[1];
    out[2] = low[2];
    blend(out, top, smoothstep(0, 0.34, v));
  };
  const ridge = (u: number, scale: number, height: number): number =>
    height * (0.3 + 0.7 * noise2(u * scale + phase, scale));
  const layer = (out: Float64Array, v: number, height: number, colour: Vector): void =>
    blend(out, colour, smoothstep(height + 0.004, height - 0.004, v));
  const disc = (
    out: Float64Array,
    u: number,
    v: number,
    height: number,
    radius: number,
    colour: Vector,
  ): void =>
    blend(out, colour, smoothstep(radius + 0.005, radius - 0.005, Math.hypot(u - discU, v - height)));
  const clouds = (out: Float64Array, u: number, v: number): void => {
    for (let i = 0; i < 3; i++) {
      const cu = (hash2(i, Math.floor(b * 1e6)) - 0.5) * 0.8;
      const cv = 0.1 + 0.13 * hash2(i + 9, Math.floor(c * 1e6));
      const wide = 0.07 + 0.05 * hash2(i, Math.floor(d * 1e6));
      let cover = 0;
      for (let j = -1; j <= 1; j++) {
        const x = (u - cu - j * wide * 0.6) / wide;
        const y = (v - cv - (j === 0 ? 0.012 : 0)) / (0.032 + (j === 0 ? 0.014 : 0));
        cover = Math.max(cover, 1 - x * x - y * y);
      }
      blend(out, white, 0.8 * smoothstep(0, 0.45, cover));
    }
  };
  switch (setting.backdrop) {
    case "hills":
      return (u, v, out) => {
        sky(u, v, out);
        clouds(out, u, v);
        layer(out, v, ridge(u, 3, 0.085), far);
        layer(out, v, ridge(u + 7, 5, 0.05), near);
      };
    case "mountains":
      return (u, v, out) => {
        sky(u, v, out);
        const peak = Math.abs(((u * 3.1 + phase) % 1) - 0.5) * 0.16 + 0.03 * noise2(u * 9, phase);
        layer(out, v, peak + 0.01, far);
        layer(out, v, ridge(u + 3, 4, 0.045), near);
      };
    case "dunes":
      return (u, v, out) => {
        sky(u, v, out);
        layer(out, v, ridge(u, 2.6, 0.07), far);
        layer(out, v, ridge(u + 5, 3.7, 0.04), near);
      };
    case "sea":
      return (u, v, out) => {
        sky(u, v, out);
        const glow = Math.hypot(u - discU, v - 0.05);
        blend(out, [1, 0.72, 0.36], 0.55 * smoothstep(0.32, 0, glow));
        disc(out, u, v, 0.05, 0.045, [1, 0.88, 0.58]);
      };
    case "city":
      return (u, v, out) => {
        sky(u, v, out);
        disc(out, u, v, 0.17, 0.03, [0.82, 0.84, 0.78]);
        for (let row = 0; row < 2; row++) {
          const scale = row === 0 ? 7 : 5;
          const at = u * scale + phase + row * 3;
          const tower = Math.floor(at);
          const height = (row === 0 ? 0.1 : 0.05) + 0.09 * hash2(tower, row + Math.floor(d * 1000));
          if (v > height) continue;
          blend(out, row === 0 ? far : near, 1);
          const [wx, wy] = [(at - tower) * 3, v * 26];
          const [fx, fy] = [wx - Math.floor(wx), wy - Math.floor(wy)];
          const lit =
            hash2(tower * 8 + Math.floor(wx), Math.floor(wy) + row * 50) < 0.3 && height - v > 0.025;
          if (lit && v > 0.01 && Math.abs(fx - 0.5) < 0.28 && Math.abs(fy - 0.5) < 0.3)
            blend(out, [0.75, 0.56, 0.26], row === 0 ? 0.4 : 0.62);
        }
      };
    case "craters":
      return (u, v, out) => {
        sky(u, v, out);
        const [cu, cv] = [Math.round(u * 11 + phase), Math.round(v * 11)];
        const [su, sv] = [
          (cu - phase + hash2(cu, cv) * 0.6 - 0.3) / 11,
          (cv + hash2(cv, cu) * 0.6 - 0.3) / 11,
        ];
        if (hash2(cu + 31, cv) < 0.45)
          blend(out, [0.7, 0.72, 0.8], 0.8 * smoothstep(0.008, 0.002, Math.hypot(u - su, v - sv)));
        disc(out, u, v, 0.16, 0.055, [0.1, 0.26, 0.62]);
        if (Math.hypot(u - discU, v - 0.16) < 0.05)
          blend(out, [0.7, 0.8, 0.84], 0.7 * smoothstep(0.55, 0.7, noise2(u * 32 + phase, v * 40)));
        layer(out, v, ridge(u, 3, 0.04), far);
        layer(out, v, ridge(u + 4, 4.5, 0.022), near);
      };
    default:
      return sky;
  }
}

/** The ground's colours; slow and low in contrast. */
export function groundOf(setting: Setting, variation: readonly number[]): Ground {
  const base = linear(setting.ground);
  const patch = linear(setting.groundPatch);
  const [dx, dz] = [variation[6]! * 97, variation[7]! * 89];
  const plain: Ground = (x, z, distance, out) => {
    const n = 0.65 * noise2(x * 0.7 + dx, z * 0.7 + dz) + 0.35 * noise2(x * 1.9 + dz, z * 1.9 + dx);
    const fade = 6 / (6 + distance);
    out[0] = base[0];
    out[1] = base[1];
    out[2] = base[2];
    blend(out, patch, 0.5 + (smoothstep(0.25, 0.75, n) - 0.5) * Math.min(1, 2 * fade));
  };
  switch (setting.backdrop) {
    case "sea": {
      const sea = linear(setting.far[0]);
      const foam: Vector = [0.86, 0.86, 0.84];
      const wet = linear([196, 164, 128]);
      return (x, z, distance, out) => {
        plain(x, z, distance, out);
        const shore = -3.4 + 0.35 * Math.sin(x * 0.6 + dx) - z;
        blend(out, wet, 0.7 * smoothstep(-0.9, -0.1, shore));
        blend(out, sea, smoothstep(-0.05, 0.15, shore));
        blend(out, foam, 0.8 * smoothstep(0.3, 0.05, Math.abs(shore - 0.1)));
        if (shore > 0.4) blend(out, linear(setting.far[1]), 0.45 * smoothstep(3, 60, shore));
      };
    }
    case "city": {
      const kerb = linear([96, 98, 112]);
      const stripe = linear([150, 148, 140]);
      return (x, z, distance, out) => {
        plain(x, z, distance, out);
        if (z < -2.1) blend(out, kerb, z > -2.25 ? 1 : 0.55);
        const along = (x + dx) / 1.5;
        if (Math.abs(z - 1.35) < 0.07 && along - Math.floor(along) < 0.6) blend(out, stripe, 0.8);
        const pool = 0.5 + 0.62 / (1 + 0.06 * (x * x + (z + 0.3) * (z + 0.3)));
        out[0] = out[0]! * pool;
        out[1] = out[1]! * pool;
        out[2] = out[2]! * pool;
      };
    }
    case "wall":
      return (x, z, _, out) => {
        const row = Math.floor((z + dz) / 0.55);
        out[0] = base[0];
        out[1] = base[1];
        out[2] = base[2];
        const board = Math.floor((x + dx) / 2.6 + 0.5 * (row & 1));
        blend(out, patch, 1.4 * hash2(row, board) - 0.2);
      };
    case "craters":
      return (x, z, distance, out) => {
        plain(x, z, distance, out);
        const [cx, cz] = [Math.floor((x + dx) / 1.9), Math.floor((z + dz) / 1.9)];
        const radius = 0.25 + 0.5 * hash2(cx, cz);
        const [ox, oz] = [
          x + dx - (cx + 0.5 + 0.3 * (hash2(cz, cx) - 0.5)) * 1.9,
          z + dz - (cz + 0.5 + 0.3 * (hash2(cx + 7, cz) - 0.5)) * 1.9,
        ];
        const away = Math.hypot(ox, oz) / radius;
        if (away < 1.25) {
          const k = away < 1 ? 0.8 + 0.16 * smoothstep(0.2, 1, away) * Math.sign(oz) : 1.12;
          for (let i = 0; i < 3; i++) out[i] = out[i]! * k;
        }
      };
    case "dunes":
      return (x, z, distance, out) => {
        plain(x, z, distance, out);
        const ripple = Math.sin(5.2 * z + 1.6 * Math.sin(x * 0.8 + dx) + dz);
        const k = 1 + (0.045 * ripple * 7) / (7 + distance);
        for (let i = 0; i < 3; i++) out[i] = out[i]! * k;
      };
    default:
      return plain;
  }
}

/** Where a room's wall stands, z in metres. */
export const WALL_Z = -2.1;

/** The colour of a room's wall (linear RGB): a skirting board, and a picture or window. */
export function wallOf(
  setting: Setting,
  variation: readonly number[],
): (x: number, y: number, out: Float64Array) => void {
  const base = linear(setting.far[0]);
  const skirting = linear(setting.far[1]);
  const middle = (variation[2]! < 0.5 ? -1 : 1) * (0.95 + 0.35 * variation[3]!);
  const frame = linear([150, 116, 84]);
  const glass = linear([176, 208, 224]);
  return (x, y, out) => {
    out[0] = base[0];
    out[1] = base[1];
    out[2] = base[2];
    if (y < 0.2) blend(out, skirting, 1);
    const [dx, dy] = [Math.abs(x - middle), Math.abs(y - 1.55)];
    if (dx < 0.5 && dy < 0.6)
      blend(out, dx > 0.44 || dy > 0.54 || dx < 0.025 || Math.abs(dy) < 0.025 ? frame : glass, 1);
  };
}
