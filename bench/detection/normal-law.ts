/** Share of a standard normal below `z` (Hart's rational approximation, 1e-14). */
export function shareBelow(z: number): number {
  const size = Math.abs(z);
  const above = size > 37 ? 0 : Math.exp(-0.5 * size * size) * tailRatio(size);
  return z > 0 ? 1 - above : above;
}

/** The `z` with this share of a standard normal above it (Acklam, relative error 1e-9). */
export function quantileAbove(share: number): number {
  if (share < 0.02425) return tailQuantile(share);
  if (share > 0.97575) return -tailQuantile(1 - share);
  const q = 0.5 - share;
  const r = q * q;
  return (
    ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
      2.506628277459239) *
      q) /
    (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
      1)
  );
}

function tailQuantile(share: number): number {
  const q = Math.sqrt(-2 * Math.log(Math.max(share, 1e-12)));
  return -(
    (((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) *
      q +
      4.374664141464968) *
      q +
      2.938163982698783) /
    ((((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q +
      1)
  );
}

function tailRatio(size: number): number {
  if (size >= 7.07106781186547) {
    return 1 / (size + 1 / (size + 2 / (size + 3 / (size + 4 / (size + 0.65))))) / 2.506628274631;
  }
  const top =
    (((((0.0352624965998911 * size + 0.700383064443688) * size + 6.37396220353165) * size + 33.912866078383) *
      size +
      112.079291497871) *
      size +
      221.213596169931) *
      size +
    220.206867912376;
  const bottom =
    ((((((0.0883883476483184 * size + 1.75566716318264) * size + 16.064177579207) * size + 86.7807322029461) *
      size +
      296.564248779674) *
      size +
      637.333633378831) *
      size +
      793.826512519948) *
      size +
    440.413735824752;
  return top / bottom;
}
