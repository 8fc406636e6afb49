/** A label of two lines beside its mark, pixels. */
export interface PlacedLabel {
  readonly x: number;
  /** Of the first line's foot. */
  readonly y: number;
  readonly isLeft: boolean;
  /** So far from the mark that a line should lead to it. */
  readonly isFar: boolean;
}

interface Mark {
  readonly x: number;
  readonly y: number;
  readonly lines: readonly string[];
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const letter = 6.6;
const lineHeight = 16;

/** One after another at the nearest place, right or left of its mark, where it covers nothing that is there already. */
export function placeLabels(marks: readonly Mark[], area: Box): PlacedLabel[] {
  const taken = marks.map(({ x, y }): Box => ({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 }));
  return marks.map((mark) => {
    const places = shifts.flatMap((shift) => [false, true].map((isLeft) => ({ shift, isLeft })));
    const free = places.find(({ shift, isLeft }) => {
      const box = boxOf(mark, shift, isLeft);
      return isInside(box, area) && !taken.some((other) => overlaps(box, other));
    });
    const { shift, isLeft } = free ?? { shift: 0, isLeft: false };
    taken.push(boxOf(mark, shift, isLeft));
    return {
      x: mark.x + (isLeft ? -14 : 14),
      y: mark.y + shift,
      isLeft,
      isFar: Math.abs(shift) > lineHeight,
    };
  });
}

const shifts = Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? 1 : -1) * Math.ceil(i / 2) * 8);

function boxOf({ x, y, lines }: Mark, shift: number, isLeft: boolean): Box {
  const width = letter * Math.max(...lines.map((line) => line.length));
  const near = isLeft ? x - 14 : x + 14;
  return {
    left: isLeft ? near - width : near,
    right: isLeft ? near : near + width,
    top: y + shift - 12,
    bottom: y + shift + lineHeight * (lines.length - 1) + 4,
  };
}

function isInside(box: Box, area: Box): boolean {
  return box.left >= area.left && box.right <= area.right && box.top >= area.top && box.bottom <= area.bottom;
}

function overlaps(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
