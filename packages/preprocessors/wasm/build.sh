#!/bin/sh
# Builds the WebAssembly kernels and embeds them: pip install ziglang==0.17.0, then PYTHON=... sh wasm/build.sh
set -e
cd "$(dirname "$0")"
out="$(mktemp -d)/kernels.wasm"
"${PYTHON:-python3}" -m ziglang cc -target wasm32-freestanding -mcpu=generic+simd128+bulk_memory+nontrapping_fptoint -O3 \
  -fno-builtin-memset -ffp-contract=off -fwrapv -nostdlib -Wl,--no-entry -Wl,--export-memory -Wl,--export=__heap_base -Wl,--strip-all \
  canny.c resize.c hough.c shapes.c png.c -o "$out"
{
  echo "/** The compiled kernels of wasm/, made by wasm/build.sh. */"
  echo "export const KERNELS = \"$(base64 -w0 "$out")\";"
} > ../src/kernels/kernels-base64.ts
wc -c "$out"
