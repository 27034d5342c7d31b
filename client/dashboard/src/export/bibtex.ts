// What to cite for a job, as BibTeX: the scheme, the model and the terms that it names.
import type { FlowSpec } from "contract/sliceflow/v1/flow_pb";
import { termKind } from "../kinds";

// Who first described what, as the contract's comments name it.
const entries: Readonly<Record<string, string>> = {
  bonet2022: `@article{bonet2022,
  author = {Bonet, Cl{\\'e}ment and Courty, Nicolas and Septier, Fran{\\c{c}}ois and Drumetz, Lucas},
  title = {Efficient Gradient Flows in Sliced-Wasserstein Space},
  journal = {Transactions on Machine Learning Research},
  year = {2022}
}`,
  jordan1998: `@article{jordan1998,
  author = {Jordan, Richard and Kinderlehrer, David and Otto, Felix},
  title = {The Variational Formulation of the {Fokker--Planck} Equation},
  journal = {SIAM Journal on Mathematical Analysis},
  volume = {29}, number = {1}, pages = {1--17},
  year = {1998}
}`,
  matthes2019: `@article{matthes2019,
  author = {Matthes, Daniel and Plazotta, Simon},
  title = {A Variational Formulation of the {BDF2} Method for Metric Gradient Flows},
  journal = {ESAIM: Mathematical Modelling and Numerical Analysis},
  volume = {53}, number = {1}, pages = {145--172},
  year = {2019}
}`,
  xu2023: `@inproceedings{xu2023,
  author = {Xu, Chen and Cheng, Xiuyuan and Xie, Yao},
  title = {Normalizing Flow Neural Networks by {JKO} Scheme},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2023}
}`,
  mokrov2021: `@inproceedings{mokrov2021,
  author = {Mokrov, Petr and Korotin, Alexander and Li, Lingxiao and Genevay, Aude and Solomon, Justin and Burnaev, Evgeny},
  title = {Large-Scale {Wasserstein} Gradient Flows},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2021}
}`,
  alvarezmelis2021: `@article{alvarezmelis2021,
  author = {Alvarez-Melis, David and Schiff, Yair and Mroueh, Youssef},
  title = {Optimizing Functionals on the Space of Probabilities with Input Convex Neural Networks},
  journal = {Transactions on Machine Learning Research},
  year = {2022}
}`,
  amos2017: `@inproceedings{amos2017,
  author = {Amos, Brandon and Xu, Lei and Kolter, J. Zico},
  title = {Input Convex Neural Networks},
  booktitle = {International Conference on Machine Learning},
  year = {2017}
}`,
  peyre2015: `@article{peyre2015,
  author = {Peyr{\\'e}, Gabriel},
  title = {Entropic Approximation of {Wasserstein} Gradient Flows},
  journal = {SIAM Journal on Imaging Sciences},
  volume = {8}, number = {4}, pages = {2323--2351},
  year = {2015}
}`,
  roberts1996: `@article{roberts1996,
  author = {Roberts, Gareth O. and Tweedie, Richard L.},
  title = {Exponential Convergence of {Langevin} Distributions and Their Discrete Approximations},
  journal = {Bernoulli},
  volume = {2}, number = {4}, pages = {341--363},
  year = {1996}
}`,
  liutkus2019: `@inproceedings{liutkus2019,
  author = {Liutkus, Antoine and {\\c{S}}im{\\c{s}}ekli, Umut and Majewski, Szymon and Durmus, Alain and St{\\"o}ter, Fabian-Robert},
  title = {Sliced-{Wasserstein} Flows: Nonparametric Generative Modeling via Optimal Transport and Diffusions},
  booktitle = {International Conference on Machine Learning},
  year = {2019}
}`,
  dinh2017: `@inproceedings{dinh2017,
  author = {Dinh, Laurent and Sohl-Dickstein, Jascha and Bengio, Samy},
  title = {Density Estimation Using {Real NVP}},
  booktitle = {International Conference on Learning Representations},
  year = {2017}
}`,
  bonneel2015: `@article{bonneel2015,
  author = {Bonneel, Nicolas and Rabin, Julien and Peyr{\\'e}, Gabriel and Pfister, Hanspeter},
  title = {Sliced and {Radon} {Wasserstein} Barycenters of Measures},
  journal = {Journal of Mathematical Imaging and Vision},
  volume = {51}, number = {1}, pages = {22--45},
  year = {2015}
}`,
  arbel2019: `@inproceedings{arbel2019,
  author = {Arbel, Michael and Korba, Anna and Salim, Adil and Gretton, Arthur},
  title = {Maximum Mean Discrepancy Gradient Flow},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2019}
}`,
  otto2001: `@article{otto2001,
  author = {Otto, Felix},
  title = {The Geometry of Dissipative Evolution Equations: The Porous Medium Equation},
  journal = {Communications in Partial Differential Equations},
  volume = {26}, number = {1-2}, pages = {101--174},
  year = {2001}
}`,
  balague2013: `@article{balague2013,
  author = {Balagu{\\'e}, Daniel and Carrillo, Jos{\\'e} A. and Laurent, Thomas and Raoul, Ga{\\"e}l},
  title = {Dimensionality of Local Minimizers of the Interaction Energy},
  journal = {Archive for Rational Mechanics and Analysis},
  volume = {209}, pages = {1055--1088},
  year = {2013}
}`,
  liu2016: `@inproceedings{liu2016,
  author = {Liu, Qiang and Wang, Dilin},
  title = {{Stein} Variational Gradient Descent: A General Purpose {Bayesian} Inference Algorithm},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2016}
}`,
};

const ofSolver: Readonly<Record<string, readonly string[]>> = {
  swJko: ["bonet2022"],
  pairedJko: ["jordan1998", "xu2023"],
  jkoIcnn: ["jordan1998", "mokrov2021", "alvarezmelis2021"],
  entropicJko: ["jordan1998", "peyre2015"],
  eulerMaruyama: ["roberts1996"],
  mala: ["roberts1996"],
};
const ofModel: Readonly<Record<string, readonly string[]>> = { realNvp: ["dinh2017"], icnn: ["amos2017"] };
const ofTerm: Readonly<Record<string, readonly string[]>> = {
  entropy: ["jordan1998"],
  slicedWasserstein: ["bonneel2015", "liutkus2019"],
  porousMedium: ["otto2001"],
  "potential.bayesianLogisticRegression": ["liu2016"],
  "interaction.powerLaw": ["balague2013"],
};

export function bibtexOf(spec: FlowSpec): string {
  const solver = spec.solver?.kind;
  const keys = new Set(ofSolver[solver?.case ?? "swJko"] ?? []);
  const order = solver?.case === "swJko" || solver?.case === "pairedJko" ? solver.value.order : undefined;
  if (order === 2) keys.add("matthes2019");
  for (const key of ofModel[spec.model?.kind.case ?? "realNvp"] ?? []) keys.add(key);
  for (const term of spec.functional?.terms ?? []) {
    const kind = termKind(term);
    for (const key of ofTerm[kind] ?? (kind.startsWith("mmd") ? ["arbel2019"] : [])) keys.add(key);
  }
  return [...keys].map((key) => `${entries[key] ?? ""}\n`).join("\n");
}
