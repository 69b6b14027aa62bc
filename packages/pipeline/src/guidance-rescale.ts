import {
  add,
  div,
  mean,
  mul,
  type Scalar,
  sqrt,
  square,
  sub,
  sum,
  type Tensor4D,
  tidy,
} from "@tensorflow/tfjs-core";

/**
 * Takes back guidance's rise in contrast: `phi guided std(conditional) / std(guided) + (1 - phi) guided`, each standard
 * deviation over one sample (Lin et al. 2023, equations 14-16). All [batch, height, width, channels].
 */
export const rescaleGuidance = (guided: Tensor4D, conditional: Tensor4D, phi: Scalar | number): Tensor4D =>
  tidy(() => {
    const rescaled = mul(guided, div(deviation(conditional), deviation(guided)));
    return add(guided, mul(phi, sub(rescaled, guided))) as Tensor4D;
  });

/** The unbiased standard deviation of each sample [batch, 1, 1, 1]. */
function deviation(x: Tensor4D): Tensor4D {
  const count = x.size / x.shape[0];
  const squares = sum(square(sub(x, mean(x, [1, 2, 3], true))), [1, 2, 3], true);
  return sqrt(div(squares, Math.max(1, count - 1))) as Tensor4D;
}
