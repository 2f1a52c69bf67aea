/** Interactive shell on a terminal of a throw-away host. */

import type { BackgroundProgram } from "./background_program.ts";
import type { TestHost } from "./namespace.ts";

/** Prompt; ends in a line feed, so that it can be awaited. */
const PROMPT_TEXT = "<ready>";
const PROMPT = new RegExp(PROMPT_TEXT);
const HOME = "/run/home";
/** Runs a program on a new terminal. */
export const SCRIPT = "/usr/bin/script";
/** Keys: complete a word or list completions, and delete the line. */
export const TAB = "\t";
export const KILL_LINE = "\x15";

/** Configuration of each shell: prompt and place of nsmctl's completion, as in the shell's manual. */
const SHELLS = {
  bash: {
    path: "/bin/bash",
    arguments: `--noprofile --rcfile ${HOME}/bashrc -i`,
    completion: (program: string) => `${HOME}/completion/${program}`,
    files: {
      bashrc: `PS1='${PROMPT_TEXT}\\n'; bind 'set bell-style none'\n` +
        `for file in ${HOME}/completion/*; do . "$file"; done\n`,
    },
  },
  zsh: {
    path: "/bin/zsh",
    arguments: "-d -i",
    completion: (program: string) => `${HOME}/functions/_${program}`,
    files: {
      ".zshrc":
        `PS1=$'${PROMPT_TEXT}\\n'; fpath+=${HOME}/functions; autoload -Uz compinit; compinit -u -D\n`,
    },
  },
  fish: {
    path: "/usr/bin/fish",
    arguments: "-i",
    completion: (program: string) => `${HOME}/.config/fish/completions/${program}.fish`,
    files: {
      ".config/fish/config.fish": `function fish_prompt; echo '${PROMPT_TEXT}'; echo '> '; end\n`,
    },
  },
} as const;

export type ShellName = keyof typeof SHELLS;

/** Path of a shell. */
export const pathOf = (shell: ShellName): string => SHELLS[shell].path;

export class TypedShell {
  private constructor(readonly program: BackgroundProgram) {}

  /** Starts it with programs of `folder` to be found, and the completion of some of them in place. */
  static async start(
    host: TestHost,
    shell: ShellName,
    folder: string,
    completion: Readonly<Record<string, string>>,
  ): Promise<TypedShell> {
    const { path, arguments: args, completion: place, files } = SHELLS[shell];
    const scripts = Object.entries(completion).map(([name, text]) => [place(name), text] as const);
    const own = Object.entries(files).map(([name, text]) => [`${HOME}/${name}`, text] as const);
    for (const [file, text] of [...own, ...scripts]) {
      await host.output("mkdir", "-p", file.replace(/[^/]*$/, ""));
      await host.write(file, text);
    }
    const search = `PATH=${folder}:/usr/bin:/bin:/usr/sbin:/sbin`;
    const command = `cd; exec ${path} ${args}`;
    const variables = [`HOME=${HOME}`, "TERM=linux", "NO_COLOR=1", search];
    const program = host.start("env", ...variables, SCRIPT, "-qefc", command, "/dev/null");
    await program.line(PROMPT);
    return new TypedShell(program);
  }

  /**
   * Types a line; returns the output line that matches `wanted`. The terminal echoes the typed
   * line, which must not match.
   */
  async type(line: string, wanted: RegExp): Promise<string> {
    const { lines } = this.program;
    const since = lines.length;
    await this.program.write(line);
    const found = await this.program.line(wanted, since);
    await this.program.line(PROMPT, lines.indexOf(found, since) + 1);
    return plain(found);
  }
}

/** Line without terminal control sequences. */
function plain(line: string): string {
  // deno-lint-ignore no-control-regex -- these are what is looked for
  return line.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>(].?|[\x00-\x08\x0e\x0f\r]/g, "").trimEnd();
}
