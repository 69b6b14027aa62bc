import { ProtoWriter } from "../protobuf.js";

/** The processes of a group and which of them this one is. */
export interface Cluster {
  rank: number;
  /** `host:port` of every process, by rank. */
  addresses: readonly string[];
}

const leader = "/job:worker/replica:0/task:0";

/** TensorFlow's name of the process of rank `rank`. */
export const taskName = (rank: number): string => `/job:worker/replica:0/task:${rank}`;

/** Adds what collectives need to a `tensorflow.ConfigProto`; messages merge when written one after the other. */
export function withCollectives(config: Uint8Array, { rank }: Cluster): Uint8Array {
  const more = new ProtoWriter()
    .string(4, `/job:worker/task:${rank}`)
    .message(16, new ProtoWriter().string(1, leader))
    .finish();
  return Buffer.concat([config, more]);
}

/** The group as a serialized `tensorflow.ServerDef`. */
export function encodeServerDef({ rank, addresses }: Cluster, config: Uint8Array): Uint8Array {
  const job = new ProtoWriter().string(1, "worker");
  addresses.forEach((address, task) => {
    job.message(2, new ProtoWriter().varint(1, task).string(2, address));
  });
  return new ProtoWriter()
    .message(1, new ProtoWriter().message(1, job))
    .string(2, "worker")
    .varint(3, rank)
    .message(4, config)
    .string(5, "grpc")
    .finish();
}
