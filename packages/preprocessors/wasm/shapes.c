// Limbs and joints of poses: the pixels of src/pose/draw-shapes-plain.ts, which is their oracle.
#include "kernels.h"

#define ONE 65536
#define CORNERS 361
// As in src/row-spans.ts.
#define LONGEST 63
#define TIE 256

typedef struct {
  i32 is_circle, x, y, radius, turned, top, bottom, shift, is_inside, r, g, b, is_blended;
} Shape;

// Where the rows of a shape end, and the canvas around it.
typedef struct {
  i32 *left, *right;
  i32 width, height, shift;
} Spans;

static inline __attribute__((always_inline)) void add(i32 *left, i32 *right, i32 x, i32 row) {
  left[row] = x < left[row] ? x : left[row];
  right[row] = x > right[row] ? x : right[row];
}

static inline i32 minimum(i32 a, i32 b) { return a < b ? a : b; }
static inline i32 maximum(i32 a, i32 b) { return a > b ? a : b; }
static inline i32 size_of(i32 a) { return a < 0 ? -a : a; }

// cv2.ellipse2Poly with one corner a degree; x and y take turns.
static void place_corners(const Shape *shape, const double *sines, i32 *corners) {
  double cosine = sines[450 - shape->turned], sine = sines[shape->turned];
  v128_t centre = wasm_f64x2_make(shape->x, shape->y);
  v128_t first = wasm_f64x2_make(cosine, sine), second = wasm_f64x2_make(-sine, cosine);
  for (i32 degree = 0; degree < CORNERS; degree++) {
    v128_t along = wasm_f64x2_splat(shape->radius * sines[450 - degree]);
    v128_t across = wasm_f64x2_splat(4 * sines[degree]);
    v128_t corner = wasm_f64x2_add(wasm_f64x2_add(centre, wasm_f64x2_mul(along, first)), wasm_f64x2_mul(across, second));
    wasm_v128_store64_lane(corners + 2 * degree, wasm_i32x4_trunc_sat_f64x2_zero(wasm_f64x2_nearest(corner)), 0);
  }
}

static i32 slope_of(i32 dx, i32 rows) { return (i32)((dx * 2.0 * ONE + rows) / (2.0 * rows)); }

static void add_flat(i32 *left, i32 *right, i32 x, i32 y, i32 dx, i32 rows) {
  i32 down = rows < 0 ? -1 : 1, count = rows * down;
  double step = (double)dx / count, end = (dx + 0.5) / (2.0 * count);
  for (i32 row = y; row != y + rows; row += down, end += step) {
    i32 turn = x + (i32)end;
    add(left, right, turn, row);
    add(left, right, turn + 1, row + down);
  }
}

static void add_steep(i32 *left, i32 *right, i32 x, i32 y, i32 dx, i32 rows) {
  i32 slope = slope_of(dx, rows), position = slope + ONE / 2;
  for (i32 row = y + 1; row < y + rows; row++, position += slope) {
    left[row] = minimum(left[row], x + ((position - TIE) >> 16));
    right[row] = maximum(right[row], x + (position >> 16));
  }
}

static i32 outside(i32 x, i32 y, i32 right, i32 bottom) {
  return (x < 0 ? 1 : x > right ? 2 : 0) | (y < 0 ? 4 : y > bottom ? 8 : 0);
}

// clipLine of src/draw.ts; false where nothing is left.
static i32 clip(i32 right, i32 bottom, i32 line[4]) {
  i32 sides[2] = {outside(line[0], line[1], right, bottom), outside(line[2], line[3], right, bottom)};
  if (sides[0] & sides[1]) return 0;
  for (i32 i = 0; i < 2; i++) {
    if (!(sides[i] & 12)) continue;
    i32 edge = sides[i] < 8 ? 0 : bottom, *point = line + 2 * i;
    point[0] += (i32)(((double)(edge - point[1]) * (line[2] - line[0])) / (line[3] - line[1]));
    point[1] = edge;
  }
  for (i32 i = 0; i < 2; i++) sides[i] = outside(line[2 * i], line[2 * i + 1], right, bottom) & 3;
  if (sides[0] & sides[1]) return 0;
  for (i32 i = 0; i < 2; i++) {
    if (!sides[i]) continue;
    i32 edge = sides[i] == 1 ? 0 : right, *point = line + 2 * i;
    point[1] += (i32)(((double)(edge - point[0]) * (line[3] - line[1])) / (line[2] - line[0]));
    point[0] = edge;
  }
  return 1;
}

// Bresenham's steps from left to right.
static void add_line(const Spans *to, const i32 line[4]) {
  i32 is_reversed = line[2] < line[0];
  i32 x = is_reversed ? line[2] : line[0], row = (is_reversed ? line[3] : line[1]) + to->shift;
  i32 down = (line[3] < line[1]) == is_reversed ? 1 : -1;
  i32 dx = size_of(line[2] - line[0]), dy = size_of(line[3] - line[1]);
  i32 is_steep = dy > dx, along = is_steep ? dy : dx, across = is_steep ? dx : dy;
  i32 error = along - 2 * across;
  for (i32 i = 0; i <= along; i++) {
    add(to->left, to->right, x, row);
    i32 turns = error < 0;
    error += turns ? 2 * (along - across) : -2 * across;
    x += turns || !is_steep;
    row += turns || is_steep ? down : 0;
  }
}

// An edge of any length that may lie outside, from its upper end on.
static void add_any_edge(const Spans *to, i32 from_x, i32 from_y, i32 to_x, i32 to_y) {
  i32 first = from_x >= 0 && from_x < to->width && from_y >= 0 ? from_y + 1 : maximum(from_y, 0);
  i32 end = minimum(to_y, to->height);
  if (first >= end) return;
  i32 slope = slope_of(to_x - from_x, to_y - from_y);
  int64_t position = (int64_t)from_x * ONE + (int64_t)(first - from_y) * slope + ONE / 2;
  for (i32 row = first + to->shift; row < end + to->shift; row++, position += slope) {
    i32 x = (i32)(position >> 16);
    if (x < to->left[row]) to->left[row] = maximum(0, x);
    if (x > to->right[row]) to->right[row] = minimum(to->width - 1, x);
  }
}

static i32 is_within(const Spans *to, i32 x, i32 y) { return x >= 0 && x < to->width && y >= 0 && y < to->height; }

static void add_edges(const Spans *to, const i32 *corners, i32 is_inside) {
  i32 *left = to->left, *right = to->right, shift = to->shift;
  i32 from_x = corners[2 * CORNERS - 2], from_y = corners[2 * CORNERS - 1];
  for (i32 i = 0; i < CORNERS; i++) {
    i32 to_x = corners[2 * i], to_y = corners[2 * i + 1];
    i32 dx = size_of(to_x - from_x), dy = size_of(to_y - from_y);
    if (dx + dy == 0 && i > 0) continue;
    if (dy > LONGEST || !(is_inside || (is_within(to, from_x, from_y) && is_within(to, to_x, to_y)))) {
      i32 line[4] = {from_x, from_y, to_x, to_y};
      if (clip(to->width - 1, to->height - 1, line)) add_line(to, line);
      if (from_y < to_y)
        add_any_edge(to, from_x, from_y, to_x, to_y);
      else
        add_any_edge(to, to_x, to_y, from_x, from_y);
    } else {
      add(left, right, from_x, from_y + shift);
      add(left, right, to_x, to_y + shift);
      if (dy > dx && dy > 1) {
        if (from_y < to_y)
          add_steep(left, right, from_x, from_y + shift, to_x - from_x, dy);
        else
          add_steep(left, right, to_x, to_y + shift, from_x - to_x, dy);
      } else if (dy <= dx && dy > 0 && dx > 1) {
        if (from_x < to_x)
          add_flat(left, right, from_x, from_y + shift, dx, to_y - from_y);
        else
          add_flat(left, right, to_x, to_y + shift, dx, from_y - to_y);
      }
    }
    from_x = to_x;
    from_y = to_y;
  }
}

// fillCircle of src/draw.ts.
static void circle_spans(const Shape *shape, const Spans *to) {
  i32 dx = shape->radius, dy = 0, error = 0, plus = 1, minus = 2 * dx - 1;
  while (dx >= dy) {
    for (i32 turned = 0; turned < 2; turned++)
      for (i32 sign = -1; sign < 2; sign += 2) {
        i32 y = shape->y + sign * (turned ? dx : dy), reach = turned ? dy : dx;
        if (y < shape->top || y > shape->bottom) continue;
        i32 *left = to->left + y + to->shift, *right = to->right + y + to->shift;
        *left = minimum(*left, maximum(0, shape->x - reach));
        *right = maximum(*right, minimum(to->width - 1, shape->x + reach));
      }
    dy++;
    error += plus;
    plus += 2;
    if (error > 0) {
      error -= minus;
      dx--;
      minus -= 2;
    }
  }
}

EXPORT(shape_spans)
void shape_spans(const Shape *shapes, i32 count, const double *sines, i32 width, i32 height, i32 *corners, i32 *left,
                 i32 *right) {
  for (const Shape *shape = shapes; shape < shapes + count; shape++) {
    Spans to = {left, right, width, height, shape->shift};
    for (i32 row = shape->top + shape->shift; row <= shape->bottom + shape->shift; row++) {
      left[row] = width;
      right[row] = -1;
    }
    if (shape->is_circle) {
      circle_spans(shape, &to);
    } else {
      place_corners(shape, sines, corners);
      add_edges(&to, corners, shape->is_inside);
    }
  }
}

typedef struct {
  v128_t first, second, third;
} Pattern;

// The bytes from `at` to `end`, whole pixels, where sixteen bytes begin with any of the three channels.
static inline __attribute__((always_inline)) void fill(u8 *at, u8 *end, const Pattern *pattern, const Shape *shape) {
  if (end - at < 16) {
    for (; at < end; at += 3) {
      at[0] = (u8)shape->r;
      at[1] = (u8)shape->g;
      at[2] = (u8)shape->b;
    }
    return;
  }
  u8 *last = end - 16;
  for (; at + 32 < last; at += 48) {
    wasm_v128_store(at, pattern->first);
    wasm_v128_store(at + 16, pattern->second);
    wasm_v128_store(at + 32, pattern->third);
  }
  if (at < last) wasm_v128_store(at, pattern->first);
  if (at + 16 < last) wasm_v128_store(at + 16, pattern->second);
  // Sixteen bytes before the end of a pixel begin with the third channel.
  wasm_v128_store(last, pattern->third);
}

static void blend(u8 *at, const u8 *end, const i32 colour[3]) {
  for (; at < end; at += 3)
    for (i32 c = 0; c < 3; c++)
      at[c] = (u8)__builtin_rintf((float)(at[c] * (double)0.4f + colour[c] * (double)0.6f));
}

EXPORT(draw_shapes)
void draw_shapes(const Shape *shapes, i32 count, const i32 *left, const i32 *right, u8 *band, i32 width, i32 start,
                 i32 end) {
  for (const Shape *shape = shapes; shape < shapes + count; shape++) {
    i32 top = maximum(shape->top, start), bottom = minimum(shape->bottom, end - 1);
    u8 r = (u8)shape->r, g = (u8)shape->g, b = (u8)shape->b;
    Pattern pattern = {wasm_u8x16_make(r, g, b, r, g, b, r, g, b, r, g, b, r, g, b, r),
                       wasm_u8x16_make(g, b, r, g, b, r, g, b, r, g, b, r, g, b, r, g),
                       wasm_u8x16_make(b, r, g, b, r, g, b, r, g, b, r, g, b, r, g, b)};
    for (i32 y = top; y <= bottom; y++) {
      i32 x = left[y + shape->shift], stop = right[y + shape->shift] + 1;
      if (x >= stop) continue;
      u8 *row = band + (y - start) * width * 3;
      if (shape->is_blended)
        blend(row + x * 3, row + stop * 3, (const i32[]){shape->r, shape->g, shape->b});
      else
        fill(row + x * 3, row + stop * 3, &pattern, shape);
    }
  }
}
