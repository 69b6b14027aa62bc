/**
 * The sinusoids of a guidance, sines first, as a model distilled for any guidance takes them (latent consistency models;
 * Luo et al. 2023, after Meng et al. 2023): `1000 (guidance - 1) * 10000^(-i / (half - 1))`. Angles reach thousands, where
 * the last bit of single precision is seen: they are rounded where PyTorch rounds them.
 * @param guidance that of classifier-free guidance: 1 is none
 * @param channels `guidanceChannels` of the U-Net's config; where they are odd, the last is 0
 */
export function embedGuidance(guidance: number, channels: number): Float32Array {
  const half = Math.floor(channels / 2);
  const scaled = Math.fround(Math.fround(guidance - 1) * 1000);
  const slope = -Math.fround(Math.fround(Math.log(10000)) / (half - 1));
  const embedded = new Float32Array(channels);
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(scaled * Math.fround(Math.exp(Math.fround(i * slope))));
    embedded[i] = Math.sin(angle);
    embedded[half + i] = Math.cos(angle);
  }
  return embedded;
}
