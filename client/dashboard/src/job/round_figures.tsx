// How far the points are from a law of which a sphere and a mean are known.
import { useMemo } from "preact/hooks";
import { measure, type RoundLaw } from "../points/sphere";
import type { Tensor } from "../server/tensor";
import { figure } from "../words";

interface Properties {
  readonly law: RoundLaw;
  readonly tensor: Tensor;
  // SW-JKO follows a flow of its own, with the same end.
  readonly sliced: boolean;
}

const maxCoordinates = 4;

function placeOf(centre: readonly number[]): string {
  const first = centre.slice(0, maxCoordinates).map(figure).join(", ");
  return centre.length > maxCoordinates ? `${first}, …` : first;
}

export function RoundFigures({ law, tensor, sliced }: Properties) {
  const found = useMemo(() => measure(tensor, law), [tensor, law]);
  const power = law.power === 2 ? "²" : "";
  const rows = [
    { name: `mean of |x − c|${power}`, points: found.mean, exact: law.mean },
    { name: "distance of the mean from c", points: found.offCentre, exact: 0 },
  ];
  return (
    <div class="exact-figures round" role="region" tabIndex={0} aria-label={`Figures of the points and of the ${law.title}`}>
      <table>
        <caption>
          Points and {law.title}, about c = ({placeOf(law.centre)}); radius {figure(law.radius)}, {law.meaning}
          {sliced && ". SW-JKO follows another flow, so it is off on the way"}
        </caption>
        <thead>
          <tr>
            <th scope="col">figure</th>
            <th scope="col">points</th>
            <th scope="col">exact</th>
            <th scope="col">error</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, points, exact }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {[points, exact, points - exact].map((value, i) => (
                <td key={i}>{figure(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
