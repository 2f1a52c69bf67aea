/**
 * Giving up permissions of the runtime for good, once everything is set up: then no code in this process
 * can load a library, read the environment or import a module, nor start a program where none is to be
 * started. What was loaded before goes on working.
 *
 * The runtime guards /proc by having every permission: from here on it opens no file and reads no link
 * there. The permissions to read and write files are all or nothing once the program was built with all
 * of them: a single path that is revoked stays granted. The kernel's file modes remain as the limit for
 * this user. The permissions for the network and for asking the system (addresses
 * of this host) are in use.
 */

/** Permissions that serving does not need. */
const GIVEN_UP = ["ffi", "import", "env"] as const;

/**
 * Gives up all that is not needed any more; returns what that is.
 *
 * @throws {Error} When the runtime keeps one; the process must end then.
 */
export function revokePermissions({ mayRunPrograms }: { readonly mayRunPrograms: boolean }) {
  const names = [...GIVEN_UP, ...(mayRunPrograms ? [] : ["run"] as const)];
  for (const name of names) {
    const { state } = Deno.permissions.revokeSync({ name });
    if (state === "granted") throw new Error(`The permission "${name}" cannot be given up`);
  }
  return names;
}
