import { type Convolution, convolution } from "@controlnet-js/core";
import { div, grads, mean, relu, type Tensor, type Tensor4D } from "@tensorflow/tfjs-core";
import type { Case } from "../case.js";
import { values } from "../weights.js";

/** Twenty 3x3 convolutions of 64 channels with ReLU over 16 maps of 16x16, forward and backward. */
export const toy: Case = {
  name: "toy",
  title: "20 layers of 64 channels, forward and backward",
  others: ["op by op", "wasm"],
  calls: 20,
  warmUp: 5,
  rounds: 3,
  goal: { peer: "pytorch", time: 1 },
  setUp(compile) {
    const inputs = [values([16, 16, 16, 64]), values([3, 3, 64, 64]), values([64])];
    const net = (x: Tensor, kernel: Tensor, bias: Tensor): Tensor => {
      let h = x as Tensor4D;
      for (let i = 0; i < 20; i++) h = div(relu(convolution(h, { kernel, bias } as Convolution)), 3);
      return mean(h);
    };
    const run = compile((x: Tensor, kernel: Tensor, bias: Tensor) =>
      grads((k: Tensor, b: Tensor) => net(x, k, b))([kernel, bias]),
    );
    return () => run(...(inputs as [Tensor, Tensor, Tensor]));
  },
};
