/**
 * Opening of an identity's ledger, for the daemon and for nsmctl. Certificate and password files
 * are read once, while they are readable; connections are opened on first use.
 */

import type { Definition } from "../cluster/definition.ts";
import { DirectoryLedger } from "../cluster/directory_ledger.ts";
import type { LedgerFiles } from "../cluster/epoch_directory.ts";
import { EtcdClient } from "../cluster/etcd_client.ts";
import { EtcdLedger } from "../cluster/etcd_ledger.ts";
import { type Ledger, LedgerError } from "../cluster/ledger.ts";
import type { EtcdConfig } from "../config/etcd_settings.ts";
import { etcdTransport } from "../net/etcd_transport.ts";
import { backgroundFiles } from "../platform/background_files.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { shortText } from "../platform/small_files.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";

/** etcd client, or the reason why there is none. */
export type Etcd =
  | { readonly kind: "client"; readonly client: EtcdClient; readonly prefix: string }
  | { readonly kind: "fault"; readonly reason: string };

/** Longest file of [etcd], in bytes: several times the authorities of a system, with comments. */
const FILE_MAX_BYTES = 4 << 20;
/** Advice for a fault that an administrator has mended meanwhile. */
const READ_AT_START = "rpc.statd reads the section when it starts: restart it after a change";

/** Makes the client configured in nfs.conf. Never throws, since a daemon starts without etcd too. */
export function openEtcd(readConfig: () => EtcdConfig | undefined): Etcd {
  try {
    const config = readConfig();
    if (config === undefined) return { kind: "fault", reason: "nfs.conf has no section [etcd]" };
    const { caFile, certFile, keyFile, passwordFile } = config;
    const transport = etcdTransport({
      ...(caFile === undefined ? {} : { ca: contentOf(caFile) }),
      ...(certFile === undefined ? {} : { cert: contentOf(certFile) }),
      ...(keyFile === undefined ? {} : { key: contentOf(keyFile) }),
    });
    let password = passwordFile === undefined ? undefined : firstLineOf(contentOf(passwordFile));
    const client = new EtcdClient({
      settings: config,
      password: () => {
        // A changed password takes effect at once if this user can read the file, else after a
        // restart.
        if (passwordFile !== undefined) password = lineIfReadable(passwordFile) ?? password;
        return password;
      },
      transport,
      clock,
    });
    return { kind: "client", client, prefix: config.prefix };
  } catch (error) {
    return { kind: "fault", reason: reasonOf(error) };
  }
}

/** Files of a ledger whose directory is on a file system that may not be mounted. */
const ledgerFiles: LedgerFiles = {
  ...backgroundFiles,
  async names(directory) {
    try {
      return await backgroundFiles.names(directory);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      const reason = `the ledger ${quote(directory)} does not exist: is its file system mounted?`;
      throw new LedgerError(reason, { cause: error });
    }
  },
};

/** Opens the ledger of an identity. @throws {LedgerError} When nfs.conf does not configure it. */
export function openLedger({ id, ledger }: Definition, etcd: () => Etcd): Ledger {
  const randomName = () => crypto.randomUUID();
  if (ledger.kind === "directory") {
    return new DirectoryLedger(ledger.path, { files: ledgerFiles, randomName, clock });
  }
  const opened = etcd();
  if (opened.kind === "fault") throw new LedgerError(`${opened.reason}; ${READ_AT_START}`);
  const { client, prefix } = opened;
  return new EtcdLedger(id, { client, prefix, randomName, clock });
}

/** @throws {Error} */
function contentOf(path: string): string {
  try {
    return shortText(path, FILE_MAX_BYTES);
  } catch (error) {
    throw new Error(`${quote(path)} of [etcd] cannot be read: ${reasonOf(error)}`);
  }
}

function lineIfReadable(path: string): string | undefined {
  try {
    return firstLineOf(shortText(path, FILE_MAX_BYTES));
  } catch {
    return undefined;
  }
}

function firstLineOf(text: string): string {
  return text.split("\n", 1)[0]!.replace(/\r$/, "");
}
