/** Opens the C library, which stays open: imported by tests that would otherwise seem to leak it. */

import { closeDescriptor, openDescriptor } from "../../lib/platform/descriptors.ts";

closeDescriptor(openDescriptor("/dev/null"));
