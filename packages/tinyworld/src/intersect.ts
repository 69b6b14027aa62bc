import type { Part } from "./parts.js";

const KINDS = { sphere: 0, dome: 1, block: 2, frustum: 3, capsule: 4, torus: 5 } as const;

/** A {@link Part} made ready for rays: matrices inverted, colours linear. */
export interface Solid {
  kind: number;
  /** World to local, row by row; rows are divided by the scale. */
  m: Float64Array;
  cx: number;
  cy: number;
  cz: number;
  p: number;
  q: number;
  /** Radius of the bounding sphere around (cx, cy, cz). */
  radius: number;
  /** Linear RGB, 0-1. */
  r: number;
  g: number;
  b: number;
  gloss: number;
  glow: number;
  /** Position of the object in the scene that this belongs to. */
  object: number;
}

/** sRGB 0-255 to linear 0-1. */
export const toLinear = (value: number): number => (value / 255) ** 2.2;

/** Compiles a part of object number `object`. */
export function solidOf(part: Part, object: number): Solid {
  const { rotation: r, scale: s, taper } = part;
  const m = new Float64Array([
    r[0] / s[0],
    r[3] / s[0],
    r[6] / s[0],
    r[1] / s[1],
    r[4] / s[1],
    r[7] / s[1],
    r[2] / s[2],
    r[5] / s[2],
    r[8] / s[2],
  ]);
  return {
    kind: KINDS[part.shape],
    m,
    cx: part.centre[0],
    cy: part.centre[1],
    cz: part.centre[2],
    p: taper[0],
    q: taper[1],
    radius: boundingRadius(part),
    r: toLinear(part.colour[0]),
    g: toLinear(part.colour[1]),
    b: toLinear(part.colour[2]),
    gloss: part.gloss,
    glow: part.glow,
    object,
  };
}

function boundingRadius({ shape, scale, taper }: Part): number {
  const widest = Math.max(scale[0], scale[1], scale[2]);
  if (shape === "sphere" || shape === "dome") return widest;
  if (shape === "block") return Math.hypot(scale[0], scale[1], scale[2]);
  if (shape === "frustum") return Math.hypot(scale[0] * Math.max(1, taper[0]), scale[1]);
  return scale[0] * (1 + taper[0]);
}

/** Distance along the ray (in lengths of its direction) to the solid's first surface beyond `near`, or Infinity. */
export function intersect(
  s: Solid,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  near: number,
): number {
  const x = ox - s.cx;
  const y = oy - s.cy;
  const z = oz - s.cz;
  const along = x * dx + y * dy + z * dz;
  const dd = dx * dx + dy * dy + dz * dz;
  if (x * x + y * y + z * z - (along * along) / dd > s.radius * s.radius) return Infinity;
  const m = s.m;
  const lx = m[0]! * x + m[1]! * y + m[2]! * z;
  const ly = m[3]! * x + m[4]! * y + m[5]! * z;
  const lz = m[6]! * x + m[7]! * y + m[8]! * z;
  const ex = m[0]! * dx + m[1]! * dy + m[2]! * dz;
  const ey = m[3]! * dx + m[4]! * dy + m[5]! * dz;
  const ez = m[6]! * dx + m[7]! * dy + m[8]! * dz;
  switch (s.kind) {
    case 0:
      return sphereHit(lx, ly, lz, ex, ey, ez, near);
    case 1:
      return domeHit(lx, ly, lz, ex, ey, ez, near);
    case 2:
      return blockHit(lx, ly, lz, ex, ey, ez, near, s.p, s.q);
    case 3:
      return frustumHit(lx, ly, lz, ex, ey, ez, near, s.p);
    case 4:
      return capsuleHit(lx, ly, lz, ex, ey, ez, near, s.p);
    default:
      return torusHit(lx, ly, lz, ex, ey, ez, near, s.p);
  }
}

function sphereHit(
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
  near: number,
): number {
  const a = dx * dx + dy * dy + dz * dz;
  const b = x * dx + y * dy + z * dz;
  const h = b * b - a * (x * x + y * y + z * z - 1);
  if (h < 0) return Infinity;
  const root = Math.sqrt(h);
  const first = (-b - root) / a;
  if (first > near) return first;
  const second = (-b + root) / a;
  return second > near ? second : Infinity;
}

function domeHit(x: number, y: number, z: number, dx: number, dy: number, dz: number, near: number): number {
  let best = Infinity;
  const a = dx * dx + dy * dy + dz * dz;
  const b = x * dx + y * dy + z * dz;
  const h = b * b - a * (x * x + y * y + z * z - 1);
  if (h < 0) return Infinity;
  const root = Math.sqrt(h);
  const first = (-b - root) / a;
  const second = (-b + root) / a;
  if (first > near && y + first * dy >= 0) best = first;
  else if (second > near && y + second * dy >= 0) best = second;
  const flat = -y / dy;
  if (flat > near && flat < best && flat >= first && flat <= second) best = flat;
  return best;
}

function blockHit(
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
  near: number,
  p: number,
  q: number,
): number {
  let enter = -Infinity;
  let leave = Infinity;
  const px = (1 - p) / 2;
  const qz = (1 - q) / 2;
  for (let i = 0; i < 6; i++) {
    let n: number;
    let d: number;
    if (i === 0) {
      n = dy;
      d = y - 1;
    } else if (i === 1) {
      n = -dy;
      d = -y - 1;
    } else if (i === 2) {
      n = dx + px * dy;
      d = x + px * y - 1 + px;
    } else if (i === 3) {
      n = -dx + px * dy;
      d = -x + px * y - 1 + px;
    } else if (i === 4) {
      n = dz + qz * dy;
      d = z + qz * y - 1 + qz;
    } else {
      n = -dz + qz * dy;
      d = -z + qz * y - 1 + qz;
    }
    const t = -d / n;
    if (n < 0) {
      if (t > enter) enter = t;
    } else if (n > 0) {
      if (t < leave) leave = t;
    } else if (d > 0) return Infinity;
    if (enter > leave) return Infinity;
  }
  if (enter > near) return enter;
  return leave > near ? leave : Infinity;
}

function frustumHit(
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
  near: number,
  p: number,
): number {
  let best = Infinity;
  const m = (1 + p) / 2;
  const n = (p - 1) / 2;
  const w = m + n * y;
  const dw = n * dy;
  const a = dx * dx + dz * dz - dw * dw;
  const b = x * dx + z * dz - w * dw;
  const c = x * x + z * z - w * w;
  const h = b * b - a * c;
  if (h >= 0 && Math.abs(a) > 1e-12) {
    const root = Math.sqrt(h);
    const t0 = (-b - root) / a;
    const t1 = (-b + root) / a;
    if (t0 > near && t0 < best && Math.abs(y + t0 * dy) <= 1) best = t0;
    if (t1 > near && t1 < best && Math.abs(y + t1 * dy) <= 1) best = t1;
  }
  for (let side = -1; side <= 1; side += 2) {
    const t = (side - y) / dy;
    if (t <= near || t >= best) continue;
    const hx = x + t * dx;
    const hz = z + t * dz;
    const limit = side < 0 ? 1 : p;
    if (hx * hx + hz * hz <= limit * limit) best = t;
  }
  return best;
}

function capsuleHit(
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
  near: number,
  p: number,
): number {
  const a = dx * dx + dz * dz;
  const b = x * dx + z * dz;
  const h = b * b - a * (x * x + z * z - 1);
  if (h < 0) return Infinity;
  let end = dy < 0 ? 1 : -1;
  if (a > 1e-12) {
    const t = (-b - Math.sqrt(h)) / a;
    const height = y + t * dy;
    if (Math.abs(height) <= p) return t > near ? t : Infinity;
    end = height > 0 ? 1 : -1;
  }
  const cy = y - end * p;
  const aa = a + dy * dy;
  const bb = b + cy * dy;
  const hh = bb * bb - aa * (x * x + cy * cy + z * z - 1);
  if (hh < 0) return Infinity;
  const t = (-bb - Math.sqrt(hh)) / aa;
  return t > near ? t : Infinity;
}

/** Sphere tracing: the distance to a torus is exact, so each step is safe. */
function torusHit(
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
  near: number,
  p: number,
): number {
  const size = Math.sqrt(dx * dx + dy * dy + dz * dz);
  const b = (x * dx + y * dy + z * dz) / size;
  const h = b * b - (x * x + y * y + z * z) + (1 + p) * (1 + p);
  if (h < 0) return Infinity;
  const root = Math.sqrt(h);
  let along = Math.max(-b - root, near * size);
  const last = -b + root;
  for (let step = 0; step < 64 && along < last; step++) {
    const t = along / size;
    const px = x + t * dx;
    const py = y + t * dy;
    const pz = z + t * dz;
    const ring = Math.sqrt(px * px + pz * pz) - 1;
    const distance = Math.sqrt(ring * ring + py * py) - p;
    if (distance < 2e-4) return t > near ? t : Infinity;
    along += distance;
  }
  return Infinity;
}

/** Writes the outward unit normal at a surface point of the solid into `out`. */
export function normalAt(s: Solid, x: number, y: number, z: number, out: Float64Array): void {
  const m = s.m;
  const wx = x - s.cx;
  const wy = y - s.cy;
  const wz = z - s.cz;
  const lx = m[0]! * wx + m[1]! * wy + m[2]! * wz;
  const ly = m[3]! * wx + m[4]! * wy + m[5]! * wz;
  const lz = m[6]! * wx + m[7]! * wy + m[8]! * wz;
  let nx = 0;
  let ny = 0;
  let nz = 0;
  switch (s.kind) {
    case 0:
    case 1:
      if (s.kind === 1 && ly < 1e-4) ny = -1;
      else {
        nx = lx;
        ny = ly;
        nz = lz;
      }
      break;
    case 2: {
      const px = (1 - s.p) / 2;
      const qz = (1 - s.q) / 2;
      // Distances in metres pick the face: local ones would favour the faces of thin blocks' long sides.
      const lengthX = 1 / rowLength(m, 0);
      const lengthY = 1 / rowLength(m, 3);
      const lengthZ = 1 / rowLength(m, 6);
      const up = (Math.abs(ly) - 1) * lengthY;
      const side = (Math.abs(lx) + px * ly - 1 + px) * lengthX;
      const front = (Math.abs(lz) + qz * ly - 1 + qz) * lengthZ;
      if (side >= up && side >= front) {
        nx = Math.sign(lx);
        ny = px;
      } else if (front >= up) {
        nz = Math.sign(lz);
        ny = qz;
      } else ny = Math.sign(ly);
      break;
    }
    case 3: {
      const n = (s.p - 1) / 2;
      const w = (1 + s.p) / 2 + n * ly;
      const side = Math.abs(Math.sqrt(lx * lx + lz * lz) - w);
      if (1 - Math.abs(ly) < side) ny = Math.sign(ly);
      else {
        nx = lx;
        nz = lz;
        ny = -n * w;
      }
      break;
    }
    case 4:
      nx = lx;
      nz = lz;
      ny = ly > s.p ? ly - s.p : ly < -s.p ? ly + s.p : 0;
      break;
    default: {
      const ring = Math.sqrt(lx * lx + lz * lz);
      const k = (ring - 1) / ring;
      nx = lx * k;
      nz = lz * k;
      ny = ly;
    }
  }
  const ox = m[0]! * nx + m[3]! * ny + m[6]! * nz;
  const oy = m[1]! * nx + m[4]! * ny + m[7]! * nz;
  const oz = m[2]! * nx + m[5]! * ny + m[8]! * nz;
  const inverse = 1 / (Math.sqrt(ox * ox + oy * oy + oz * oz) || 1);
  out[0] = ox * inverse;
  out[1] = oy * inverse;
  out[2] = oz * inverse;
}

const rowLength = (m: Float64Array, row: number): number =>
  Math.sqrt(m[row]! * m[row]! + m[row + 1]! * m[row + 1]! + m[row + 2]! * m[row + 2]!);
