import { make } from "../react/src/testing.ts";

export const ANSWER = `A lighthouse lens is a **Fresnel lens**: a thick lens with the parts cut away that only let light through.

What bends light is the *slope* of the glass where the light enters and leaves it, not its thickness. So Augustin Fresnel kept the slopes and left away the glass between them.

1. The centre is a small ordinary lens.
2. Around it lie rings, each a prism with a steeper slope.
   - The inner rings bend the light.
   - The outer ones reflect it inside the glass.
3. All of them send the light out in parallel.

The focal length $f$ follows from the radii of the two surfaces:

$$
\\frac{1}{f} = (n - 1)\\left(\\frac{1}{R_1} - \\frac{1}{R_2}\\right)
$$

> “The light that saved a million ships.”

See [how they were made](https://example.org/lenses) or run \`lens --order 1\`. ![A lens](https://tracker.example/lens.png?who=you)`;

export const CODE = `Here is the angle of each ring:

\`\`\`python
from math import asin, degrees, hypot


def ring_angle(radius_m: float, focal_m: float, n: float = 1.52) -> float:
    """Return the slope of a ring, in degrees."""
    sine = radius_m / hypot(radius_m, focal_m)
    return degrees(asin(sine / n))  # Snell's law


for radius in range(1, 6):
    print(radius, round(ring_angle(radius / 10, 0.92), 2))
\`\`\``;

export const TABLE = `| Order | Focal length | Height | Used for |
| :--- | ---: | ---: | --- |
| First | 920 mm | 2.59 m | Coasts, seen from 40 km away |
| Second | 700 mm | 2.07 m | Large lakes |
| Third | 500 mm | 1.58 m | Bays and sounds |
| Fourth | 250 mm | 0.72 m | Harbours and islands |`;

export const RTL = `عدسة المنارة هي **عدسة فرينل**: عدسة سميكة أُزيلت منها الأجزاء التي لا تكسر الضوء.

- الحلقة الداخلية تكسر الضوء
- الحلقات الخارجية تعكسه

\`\`\`python
print("code stays left to right")
\`\`\``;

export const ERROR = make("ErrorInfo", {
  code: "out_of_memory",
  title: "Not enough memory",
  message: "the GPU has no room for 412 MB more while “Qwen3 1.7B” answers",
  remedy: "Close other tabs or programs that use the GPU, or take a smaller model.",
  actions: ["retry", "smaller_model"],
});
