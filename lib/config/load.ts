/**
 * Loading of one program's settings from command line, environment and nfs.conf.
 *
 * Nothing here prints or exits: output and exit status are returned.
 *
 * Source: statd(8), sm-notify(8); the order of the steps is that of nfs-utils 2.6.2, which reads
 * nfs.conf before the command line, so that a bad state directory in it also stops `--help`.
 */

import project from "../../deno.json" with { type: "json" };
import { checkConfig } from "./check_config.ts";
import {
  type CommandLine,
  CONFLICT_STATUS,
  RPCBIND_COMMAND_LINE,
  SM_NOTIFY_COMMAND_LINE,
  STATD_COMMAND_LINE,
} from "./command_lines.ts";
import { ConfigError } from "./errors.ts";
import { readFlags } from "./flags.ts";
import { type Environment, readNfsConf } from "./ini_file.ts";
import { environmentLayer, fileLayer, merge, type Merged } from "./merge.ts";
import { HELP_WIDTH_MAX } from "./help_text.ts";
import type { ReadFiles } from "./read_files.ts";
import type { RPCBIND, SM_NOTIFY, STATD, Table } from "./settings.ts";
import { usage } from "./usage.ts";

/** Inputs of a loader. */
export interface LoaderInputs {
  /** Base name of the command, for messages and usage. */
  readonly programName: string;
  readonly args: readonly string[];
  /** Environment of the process, or a substitute. */
  readonly env: Environment;
  readonly files: ReadFiles;
  /** Width of the terminal; absent: that of a help text. */
  readonly width?: number;
  /** Report of --check-config on sections that the tables do not have. */
  readonly more?: () => { readonly text: string; readonly isFaulty: boolean };
}

/** Result: print this and exit. */
export interface Exit {
  readonly kind: "exit";
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Result: run with these settings. */
export interface Run<T extends Table> extends Merged<T> {
  readonly kind: "run";
  /** Unusable lines of nfs.conf and values, to be logged. */
  readonly warnings: readonly ConfigError[];
  /** Whether every file that exists could be read. */
  readonly isWhole: boolean;
}

export function loadStatdSettings(inputs: LoaderInputs): Run<typeof STATD> | Exit {
  return load(STATD_COMMAND_LINE, inputs);
}

export function loadSmNotifySettings(inputs: LoaderInputs): Run<typeof SM_NOTIFY> | Exit {
  return load(SM_NOTIFY_COMMAND_LINE, inputs);
}

export function loadRpcbindSettings(inputs: LoaderInputs): Run<typeof RPCBIND> | Exit {
  return load(RPCBIND_COMMAND_LINE, inputs);
}

function load<T extends Table>(commandLine: CommandLine<T>, inputs: LoaderInputs): Run<T> | Exit {
  const { table } = commandLine;
  const { programName, args, env, files } = inputs;
  const conf = readNfsConf(files);
  try {
    const file = fileLayer(table, conf, env, files);
    const flags = readFlags(commandLine, args, files);
    switch (flags.kind) {
      case "help":
        return exit(0, { stderr: usage(commandLine, programName, inputs.width ?? HELP_WIDTH_MAX) });
      case "version":
        return exit(0, { stdout: `${programName} version ${project.version}\n` });
      case "wrong": {
        const hint = flags.isHelped ? `Try: ${programName} --help\n` : "";
        return exit(flags.status, { stderr: `${programName}: ${flags.message}\n${hint}` });
      }
    }
    const environment = environmentLayer(table, env);
    const merged = merge(table, { file: file.layer, environment, options: flags.layer });
    const conflict = commandLine.conflict?.(merged.settings);
    if (conflict !== undefined) return exit(CONFLICT_STATUS, { stderr: `${conflict}\n` });
    const warnings = [...conf.warnings, ...file.warnings];
    if (flags.checkConfig) {
      const { text, isFaulty } = inputs.more?.() ?? { text: "", isFaulty: false };
      const report = checkConfig(table, merged, warnings, conf);
      const stdout = text === "" ? report : `${report}\n${text}`;
      return exit(warnings.length === 0 && !isFaulty ? 0 : 1, { stdout });
    }
    return { kind: "run", ...merged, warnings, isWhole: conf.isWhole };
  } catch (error) {
    if (error instanceof ConfigError) {
      return exit(1, { stderr: `${programName}: ${error.message}\n` });
    }
    throw error;
  }
}

function exit(status: number, { stdout = "", stderr = "" }): Exit {
  return { kind: "exit", status, stdout, stderr };
}
