/** One op attribute as the kernels give it: `type` is one of {@link ATTR}. */
export interface OpAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** A tensor as the addon names it. */
export interface TensorMetadata {
  id: number;
  shape: number[];
  dtype: number;
}

/** Values that cross into the addon. */
export type HostValues = NodeJS.TypedArray | readonly (string | Uint8Array)[];

/** A device that TensorFlow can place ops on. */
export interface Device {
  /** e.g. `/job:localhost/replica:0/task:0/device:GPU:0` */
  name: string;
  /** `CPU`, `GPU` ... */
  type: string;
  /** What TensorFlow may allocate there, in bytes. */
  memoryBytes: number;
}

/** A node just added to a graph; a `null` shape is unknown, a -1 an unknown size. */
export interface GraphNode {
  node: number;
  outputs: { id: number; shape: number[] | null; dtype: number }[];
}

/** The addon's exports. */
export interface NativeEngine {
  readonly version: string;
  preload(libraries: readonly string[]): void;
  open(config: Uint8Array): void;
  /** Puts our own ops into TensorFlow's registry; `threads`: how many work on one, 0 for one a core. */
  registerOps(threads: number): void;
  listDevices(): Device[];
  createTensor(shape: readonly number[], dtype: number, values: HostValues): number;
  createTensorFromFile(shape: readonly number[], dtype: number, path: string, byteOffset: number): number;
  /** `stored`: 0 for float32, 1 for float16, 2 for bfloat16; `order`: [output, input, area] as stored. */
  loadWeights(
    shape: readonly number[],
    path: string,
    byteOffset: number,
    stored: number,
    order: readonly number[],
  ): { id: number; finite: boolean };
  deleteTensor(id: number): void;
  tensorData(id: number): NodeJS.TypedArray | Uint8Array[];
  tensorInfo(id: number): { shape: number[]; dtype: number; device: string };
  numberOfTensors(): number;
  deviceMemory(): Record<string, { tensors: number; bytes: number } | undefined>;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[];
  executeOpAsync(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): Promise<TensorMetadata[]>;
  enableCollectives(serverDef: Uint8Array): void;
  /** Makes the sockets of this process that listen at a port deaf to other machines; how many there are. */
  keepToLoopback(port: number): number;
  abortCollectives(reason: string): void;
  checkPeer(task: string, milliseconds: number): Promise<number>;
  mpiJoin(libraries: readonly string[]): Promise<{ rank: number; size: number; library: string }>;
  mpiSum(id: number): Promise<TensorMetadata>;
  mpiBroadcast(id: number, root: number): Promise<TensorMetadata>;
  mpiBarrier(): Promise<void>;
  mpiAbandon(): void;
  mpiLeave(milliseconds: number): boolean;
  startHeartbeat(): number;
  newGraph(): number;
  deleteGraph(graph: number): void;
  addNode(
    graph: number,
    op: string,
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly (number | readonly number[])[],
    controlInputs: readonly number[],
  ): GraphNode;
  setShape(graph: number, output: number, shape: readonly number[]): void;
  opDef(graph: number, op: string): Uint8Array;
  addFunction(
    graph: number,
    name: string,
    inputs: readonly number[],
    outputs: readonly number[],
    controlNodes: readonly number[],
  ): void;
  functionToBytes(name: string): Uint8Array;
  removeFunction(name: string): void;
}
