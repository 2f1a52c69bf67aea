/** All targets. */

import type { Target } from "./target.ts";
import { addresses } from "./targets/addresses.ts";
import { commandLines } from "./targets/command_lines.ts";
import { controlAnswers } from "./targets/control_answers.ts";
import { hostsAccess } from "./targets/hosts_access.ts";
import { ledgers } from "./targets/ledgers.ts";
import { metricsRequests } from "./targets/metrics_requests.ts";
import { nfsConf } from "./targets/nfs_conf.ts";
import { nsmService } from "./targets/nsm_service.ts";
import { recordFiles } from "./targets/record_files.ts";
import { recordMarking } from "./targets/record_marking.ts";
import { replies } from "./targets/replies.ts";
import { rpcbindService } from "./targets/rpcbind_service.ts";
import { stateDirectory } from "./targets/state_directory.ts";
import { warmStart } from "./targets/warm_start.ts";
import { xdr } from "./targets/xdr.ts";

export const TARGETS: readonly Target[] = [
  xdr,
  nsmService,
  rpcbindService,
  warmStart,
  recordMarking,
  replies,
  addresses,
  nfsConf,
  commandLines,
  hostsAccess,
  metricsRequests,
  controlAnswers,
  ledgers,
  recordFiles,
  stateDirectory,
];
