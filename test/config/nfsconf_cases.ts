/**
 * What nfs.conf texts mean, one small case each.
 *
 * `ini_file_test.ts` holds our reading to them, `test/system/nfsconf_test.ts` both ours and that of
 * Debian's nfsconf(8). The expected values were observed of nfsconf 2.6.2 unless `real` says
 * otherwise.
 */

/** Text of nfs.conf with one question about it. */
export interface NfsConfCase {
  /** Behaviour in plain words. */
  readonly name: string;
  /** Text of the main file. */
  readonly text: string;
  /** Value of the key, undefined if it has none. */
  readonly value: string | undefined;
  /** Section `s` unless given. */
  readonly section?: string;
  readonly arg?: string;
  /** Key `a` unless given. */
  readonly key?: string;
  /** Further files, by path from the folder of the main file. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Intended difference: nfsconf's answer (null: a crash or hang), and the reason. Later versions
   * with a fix answer like us.
   */
  readonly real?: {
    readonly value: string | undefined | null;
    readonly why: string;
    readonly isMended?: boolean;
  };
}

const UNTERMINATED = "a value is not lost because an editor left out the last line end";
const SUB_SECTIONS = "nfs-utils 2.8.3 mends that a sub-section's key removes that of the section";

export const NFSCONF_CASES: readonly NfsConfCase[] = [
  // Lines
  { name: "reads a plain assignment", text: "[s]\na=1\n", value: "1" },
  { name: "trims blanks around name and value", text: "[s]\n\ta\t=  1 \n", value: "1" },
  { name: "reads indented lines", text: "  [s]\n  a=1\n", value: "1" },
  { name: "reads lines ended as on other systems", text: "[s]\r\na=1\r\n", value: "1" },
  { name: "joins lines with two blanks", text: "[s]\na=one\\\ntwo\n", value: "one  two" },
  { name: "joins lines after an escaped backslash", text: "[s]\na=1\\\\\n2\n", value: "1\\  2" },
  { name: "joins lines inside quotes", text: '[s]\na="one\\\ntwo"\n', value: "one  two" },
  { name: "joins a header over two lines", text: "[s\\\n]\na=1\n", value: "1" },
  { name: "joins a name and its mark", text: "[s]\na\\\n=1\n", value: "1" },
  { name: "joins a comment with the next line", text: "[s]\n#x\\\na=1\n", value: undefined },
  { name: "keeps a backslash before a blank", text: "[s]\na=1\\ \n", value: "1\\" },
  { name: "keeps a backslash before a carriage return", text: "[s]\na=1\\\r\n", value: "1\\" },
  {
    name: "reads a last line without line end",
    text: "[s]\na=1",
    value: "1",
    real: { value: undefined, why: UNTERMINATED },
  },
  {
    name: "reads a last line that ends in a backslash",
    text: "[s]\na=1\\\n",
    value: "1",
    real: { value: undefined, why: UNTERMINATED },
  },
  { name: "finds nothing in an empty file", text: "", value: undefined },

  // Comments
  { name: "takes # at the start for a comment", text: "[s]\n#a=1\n", value: undefined },
  { name: "takes an indented ; for a comment", text: "[s]\n  ;a=1\n", value: undefined },
  { name: "does not take // for a comment", text: "[s]\n//a=1\n", key: "//a", value: "1" },
  { name: "cuts a value at #", text: "[s]\na=1#2\n", value: "1" },
  { name: "cuts a value at ; without a blank", text: "[s]\na=1;2\n", value: "1" },
  { name: "trims what stood before a comment", text: "[s]\na=x y # z\n", value: "x y" },
  { name: "takes a comment alone for no value", text: "[s]\na= # z\n", value: undefined },

  // Values
  { name: "keeps comment marks in double quotes", text: '[s]\na="x#y;z"\n', value: "x#y;z" },
  { name: "keeps comment marks in single quotes", text: "[s]\na='x#y;z'\n", value: "x#y;z" },
  { name: "ignores what follows a closing quote", text: "[s]\na='x' y\n", value: "x" },
  { name: "keeps blanks inside quotes", text: '[s]\na="  x "\n', value: "  x " },
  { name: "keeps the other quote inside quotes", text: '[s]\na="it\'s"\n', value: "it's" },
  { name: "knows no escapes inside quotes", text: '[s]\na="q\\"r"\n', value: "q\\" },
  { name: "keeps quotes inside a value", text: '[s]\na=x"y"\n', value: 'x"y"' },
  { name: "drops a value without closing quote", text: '[s]\na=0\na="x\n', value: "0" },
  { name: "keeps further = in the value", text: "[s]\na=b=c\n", value: "b=c" },
  { name: "keeps case and letters outside ASCII", text: "[s]\na=É\n", value: "É" },
  { name: "keeps zeros before a number", text: "[s]\na=010\n", value: "010" },
  { name: "ignores an empty value", text: "[s]\na=1\na=\n", value: "1" },
  { name: "ignores an empty quoted value", text: '[s]\na=1\na=""\n', value: "1" },
  { name: "takes the last of two values", text: "[s]\na=1\na=2\n", value: "2" },

  // Names
  { name: "ignores the case of names", text: "[S]\nA=1\n", value: "1" },
  {
    name: "reads names with inner blanks",
    text: "[s t]\na b=1\n",
    section: "s t",
    key: "a b",
    value: "1",
  },
  { name: "passes over a line without name", text: "[s]\n=1\na=2\n", value: "2" },
  { name: "passes over a line without =", text: "[s]\na\na:1\n", value: undefined },
  { name: "reads on after a line without =", text: "[s]\nx\na=1\n", value: "1" },
  {
    name: "takes a name like a property of objects",
    text: "[s]\n__proto__=1\n",
    key: "__proto__",
    value: "1",
  },

  // Sections
  { name: "trims blanks inside brackets", text: "[ s ]\na=1\n", value: "1" },
  { name: "ignores what follows a header", text: "[s] junk # c\na=1\n", value: "1" },
  { name: "ignores a second closing bracket", text: "[s]]\na=1\n", value: "1" },
  { name: "ignores an assignment behind a header", text: "[s] a=1\n", value: undefined },
  { name: "adds up sections of one name", text: "[s]\na=1\n[t]\nb=2\n[s]\nc=3\n", value: "1" },
  { name: "lets a repeated section override", text: "[s]\na=1\n[s]\na=2\n", value: "2" },
  { name: "passes over lines outside a section", text: "a=1\n[s]\nb=2\n", value: undefined },
  { name: "passes over a section without ]", text: "[s]\na=1\n[s\na=2\n", value: "1" },
  { name: "reads on after a section without ]", text: "[t\na=1\n[s]\na=2\n", value: "2" },
  { name: "keeps an empty section apart", text: "[s]\na=1\n[]\na=2\n", value: "1" },
  { name: "takes # for part of a section's name", text: "[#s]\na=1\n", section: "#s", value: "1" },

  // Sub-sections
  { name: "reads a sub-section", text: '[s "x"]\na=1\n', arg: "x", value: "1" },
  { name: "reads a sub-section without a blank", text: '[s"x"]\na=1\n', arg: "x", value: "1" },
  {
    name: "keeps blanks in a sub-section's name",
    text: '[s " x "]\na=1\n',
    arg: " x ",
    value: "1",
  },
  { name: "ignores the case of sub-sections", text: '[s "X"]\na=1\n', arg: "x", value: "1" },
  { name: "hides a sub-section from its section", text: '[s "x"]\na=1\n', value: undefined },
  { name: "hides a section from its sub-section", text: "[s]\na=1\n", arg: "x", value: undefined },
  { name: "keeps an empty sub-section apart", text: '[s ""]\na=1\n', value: undefined },
  { name: "takes an open quote for no sub-section", text: '[s "x]\na=1\n', value: "1" },
  {
    name: "does not know single quotes in headers",
    text: "[s 'x']\na=1\n",
    section: "s 'x'",
    value: "1",
  },
  {
    name: "keeps a section's value when its sub-section sets the key",
    text: '[s]\na=1\n[s "x"]\na=2\n',
    value: "1",
    real: { value: undefined, why: SUB_SECTIONS, isMended: true },
  },
  {
    name: "keeps one sub-section's value when another sets the key",
    text: '[s "x"]\na=1\n[s "y"]\na=2\n',
    arg: "x",
    value: "1",
    real: { value: undefined, why: SUB_SECTIONS, isMended: true },
  },

  // $NAME
  { name: "takes $NAME from the environment", text: "[s]\na=$X\n", env: { X: "v" }, value: "v" },
  { name: "takes a quoted $NAME too", text: "[s]\na='$X'\n", env: { X: "v" }, value: "v" },
  { name: "takes $NAME before a comment", text: "[s]\na=$X # c\n", env: { X: "v" }, value: "v" },
  {
    name: "takes all of the value for NAME",
    text: "[s]\na=$X/c\n",
    env: { X: "v" },
    value: undefined,
  },
  { name: "leaves a later $ alone", text: "[s]\na=x$X\n", env: { X: "v" }, value: "x$X" },
  { name: "does not replace twice", text: "[s]\na=$X\n", env: { X: "$Y", Y: "v" }, value: "$Y" },
  { name: "lets an unset $NAME unset the key", text: "[s]\na=1\na=$X\n", value: undefined },
  {
    name: "takes an empty variable for unset",
    text: "[s]\na=$X\n",
    env: { X: "" },
    value: undefined,
  },
  { name: "takes $ alone for unset", text: "[s]\na=$\n", value: undefined },
  { name: "takes $NAME from [environment]", text: "[s]\na=$X\n[environment]\nX=5\n", value: "5" },
  {
    name: "prefers the real environment",
    text: "[environment]\nX=5\n[s]\na=$X\n",
    env: { X: "7" },
    value: "7",
  },
  {
    name: "follows $NAME inside [environment]",
    text: "[environment]\nX=$Y\nY=6\n[s]\na=$X\n",
    value: "6",
  },
  {
    name: "ends a circle of $NAMEs",
    text: "[environment]\nX=$X\n[s]\na=$X\n",
    value: undefined,
    real: { value: null, why: "nfsconf runs round for ever" },
  },

  // include
  {
    name: "includes a file into the section",
    text: "[s]\ninclude=i\n",
    files: { i: "a=9\n" },
    value: "9",
  },
  {
    name: "includes at the place of the line",
    text: "[s]\na=1\ninclude=i\na=2\n",
    files: { i: "a=9\n" },
    value: "2",
  },
  {
    name: "lets an included file override what stands before",
    text: "[s]\na=1\nInclude = 'i' # c\n",
    files: { i: "a=9\n" },
    value: "9",
  },
  {
    name: "returns to the including section",
    text: "[s]\ninclude=i\na=2\n",
    files: { i: "[t]\na=9\n" },
    value: "2",
  },
  {
    name: "reads the included file's own sections",
    text: "[s]\ninclude=i\na=2\n",
    files: { i: "[t]\na=9\n" },
    section: "t",
    value: "9",
  },
  {
    name: "looks for a file beside the including one",
    text: "[s]\ninclude=d/i\n",
    files: { "d/i": "include=j\n", "d/j": "a=3\n", j: "a=4\n" },
    value: "3",
  },
  {
    name: "includes into a sub-section",
    text: '[s "x"]\ninclude=i\n',
    files: { i: "a=9\n" },
    arg: "x",
    value: "9",
  },
  { name: "reads on after a missing file", text: "[s]\ninclude=none\na=1\n", value: "1" },
  { name: "reads on after a missing optional file", text: "[s]\ninclude=-none\na=1\n", value: "1" },
  {
    name: "includes an optional file that is there",
    text: "[s]\ninclude=-i\n",
    files: { i: "a=9\n" },
    value: "9",
  },
  {
    name: "does not include outside a section",
    text: "include=i\n[s]\nb=1\n",
    files: { i: "[s]\na=9\n" },
    value: undefined,
  },
  {
    name: "does not know patterns in include",
    text: "[s]\ninclude=*\na=1\n",
    files: { i: "a=9\n" },
    value: "1",
  },
  {
    name: "does not replace $NAME in include",
    text: "[s]\ninclude=$F\n",
    files: { i: "a=9\n" },
    env: { F: "i" },
    value: undefined,
  },
  {
    name: "ends a circle of includes",
    text: "[s]\na=1\ninclude=i\n",
    files: { i: "include=i\na=2\n" },
    value: "2",
    real: { value: null, why: "nfsconf uses up its stack" },
  },

  // Drop-in files
  {
    name: "reads drop-in files after the main file",
    text: "[s]\na=1\n",
    files: { "nfs.conf.d/x.conf": "[s]\na=2\n" },
    value: "2",
  },
  {
    name: "reads drop-in files in the order of their numbers",
    text: "",
    files: { "nfs.conf.d/10.conf": "[s]\na=10\n", "nfs.conf.d/9.conf": "[s]\na=9\n" },
    value: "10",
  },
  {
    name: "reads drop-in files named *.conf only",
    text: "[s]\na=1\n",
    files: {
      "nfs.conf.d/.hidden.conf": "[s]\na=2\n",
      "nfs.conf.d/.conf": "[s]\na=3\n",
      "nfs.conf.d/x.conf~": "[s]\na=4\n",
      "nfs.conf.d/x.cfg": "[s]\na=5\n",
    },
    value: "1",
  },
  {
    name: "starts a drop-in file outside any section",
    text: "[s]\na=1\n",
    files: { "nfs.conf.d/x.conf": "a=2\n" },
    value: "1",
  },
];
