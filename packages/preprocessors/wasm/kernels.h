// What the kernels share. All pointers are offsets into the module's memory, laid out by src/kernels/memory.ts.
#pragma once
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
typedef uint8_t u8;
typedef int16_t i16;
typedef int32_t i32;
typedef uint32_t u32;
typedef uint64_t u64;

static inline i32 clamp(i32 value, i32 low, i32 high) { return value < low ? low : value > high ? high : value; }
