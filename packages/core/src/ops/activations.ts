import {
  add,
  concat,
  div,
  erf,
  exp,
  minimum,
  mul,
  relu,
  sigmoid,
  split,
  square,
  sub,
  type Tensor,
} from "@tensorflow/tfjs-core";
import { defineKernel } from "../kernel.js";

/** An elementwise function whose gradient keeps its input only. */
const elementwise = (name: string, value: (x: Tensor) => Tensor, slope: (x: Tensor) => Tensor) => {
  const kernel = defineKernel<"x", Record<string, never>>({
    name,
    forward: ({ x }) => [value(x)],
    saveInputs: ["x"],
    gradient: (upstream, [x]) => ({ x: () => mul(upstream, slope(x!)) }),
  });
  return <T extends Tensor>(x: T): T => kernel({ x }, {})[0] as T;
};

const normalCdf = (x: Tensor): Tensor => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
const normalDensity = (x: Tensor): Tensor => mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
const geluSlope = (x: Tensor): Tensor => add(normalCdf(x), mul(x, normalDensity(x)));

/** `x * sigmoid(x)`. */
export const silu = elementwise(
  "SiLU",
  (x) => mul(x, sigmoid(x)),
  (x) => {
    const s = sigmoid(x);
    return mul(s, add(mul(x, sub(1, s)), 1));
  },
);

/** `x * Phi(x)` with the exact normal distribution function (Hendrycks and Gimpel, 2016). */
export const gelu = elementwise("GELU", (x) => mul(x, normalCdf(x)), geluSlope);

/** `x * sigmoid(1.702 x)`: the GELU of OpenAI's CLIP. */
export const quickGelu = elementwise(
  "QuickGELU",
  (x) => mul(x, sigmoid(mul(x, 1.702))),
  (x) => {
    const s = sigmoid(mul(x, 1.702));
    return mul(s, add(mul(mul(x, 1.702), sub(1, s)), 1));
  },
);

/** tanh(log(1 + e^x)), without a logarithm: with n = e^x (e^x + 2) it is n / (n + 2), and 1 in single precision past 20. */
const tanhSoftplus = (x: Tensor): Tensor => {
  const e = exp(minimum(x, 20));
  const n = mul(e, add(e, 2));
  return div(n, add(n, 2));
};

/** `x * tanh(log(1 + e^x))` (Misra, 2019). */
export const mish = elementwise(
  "Mish",
  (x) => mul(x, tanhSoftplus(x)),
  (x) => {
    const t = tanhSoftplus(x);
    return add(t, mul(mul(x, sigmoid(x)), sub(1, square(t))));
  },
);

/** The names of the activations that a residual block may have. */
export const activationNames = ["silu", "gelu", "mish", "relu"] as const;

/** One of {@link activationNames}. */
export type Activation = (typeof activationNames)[number];

/** The activations by name. */
export const activations: Readonly<Record<Activation, <T extends Tensor>(x: T) => T>> = {
  silu,
  gelu,
  mish,
  relu,
};

const gegluKernel = defineKernel<"x", Record<string, never>>({
  name: "GEGLU",
  forward({ x }) {
    const [value, gate] = split(x, 2, -1) as [Tensor, Tensor];
    return [mul(value, mul(gate, normalCdf(gate)))];
  },
  saveInputs: ["x"],
  gradient: (upstream, [x]) => ({
    x: () => {
      const [value, gate] = split(x!, 2, -1) as [Tensor, Tensor];
      const dValue = mul(upstream, mul(gate, normalCdf(gate)));
      const dGate = mul(mul(upstream, value), geluSlope(gate));
      return concat([dValue, dGate], -1);
    },
  }),
});

/** `a * gelu(b)` where `x` [..., 2 n] = (a, b): Shazeer, "GLU variants improve transformer", 2020. */
export const geglu = <T extends Tensor>(x: T): T => gegluKernel({ x }, {})[0] as T;
