/** Requests of nsmctl about identities. */

import { type Identities } from "../cluster/identities.ts";
import { RefusedError } from "../cluster/refusals.ts";
import type { NoteEvent } from "../nsm/events.ts";
import type { IdentityRequest } from "../control/identity_protocol.ts";
import type { ControlAnswer } from "../control/protocol.ts";

/** Answers a request. @throws {Error} (as a rejection) The message is sent to the client. */
export async function actOnIdentity(
  identities: Identities,
  request: IdentityRequest,
  note: NoteEvent,
): Promise<ControlAnswer> {
  try {
    switch (request.action) {
      case "list":
        await identities.look();
        return { ok: true, identities: identities.list() };
      case "add":
        identities.add(request.id, request.texts);
        return { ok: true };
      case "remove":
        identities.remove(request.id);
        return { ok: true };
      case "acquire": {
        const { id, texts, isFenced, deadlineMs } = request;
        return {
          ok: true,
          identities: [await identities.acquire(id, texts, isFenced, deadlineMs)],
        };
      }
      case "release": {
        const { id, isForced, deadlineMs } = request;
        const stuck = await identities.release(id, isForced, deadlineMs);
        return { ok: true, ...(stuck === undefined ? {} : { stuck }) };
      }
      case "told":
        identities.told(request.id, request.epoch, request.peers);
        for (const peer of request.peers) note({ event: "told", peer, identity: request.id });
        return { ok: true };
    }
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { ok: false, reason: error.message, code: error.code };
  }
}
