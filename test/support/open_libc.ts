/** Opens the C library, which stays open; imported by tests that would otherwise be blamed for a leak. */

import { closeDescriptor, openDescriptor } from "../../lib/platform/descriptors.ts";
import { isStopPending } from "../../lib/platform/signals.ts";

closeDescriptor(openDescriptor("/dev/null"));
isStopPending();
