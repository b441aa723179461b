// Copies the three files of onnxruntime-web that the page loads from node_modules/ into ort/.
import { copyFileSync, mkdirSync } from 'node:fs';

const FILES = [
  'ort.wasm.min.mjs',
  'ort-wasm-simd-threaded.mjs',
  'ort-wasm-simd-threaded.wasm',
];

mkdirSync('ort', { recursive: true });
for (const name of FILES) {
  copyFileSync(`node_modules/onnxruntime-web/dist/${name}`, `ort/${name}`);
}
