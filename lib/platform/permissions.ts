/**
 * Permanent loss of Deno permissions after setup: no code in this process can then load a library,
 * read the environment or import a module, nor start a program unless needed. Libraries loaded
 * before keep working.
 *
 * Deno guards /proc by requiring all permissions: afterwards it opens no file and reads no link
 * there. Permissions for files are all or nothing in a program built with all of them: a revoked
 * path stays granted. File modes remain as the limit for this user. Permissions for the network and
 * for system information (addresses of this host) are in use.
 */

/** Permissions not needed for serving. */
const GIVEN_UP = ["ffi", "import", "env"] as const;

/**
 * Revokes the permissions, and returns their names.
 *
 * @throws {Error} When Deno keeps one; the process has to end then.
 */
export function revokePermissions({ mayRunPrograms }: { readonly mayRunPrograms: boolean }) {
  const names = [...GIVEN_UP, ...(mayRunPrograms ? [] : ["run"] as const)];
  for (const name of names) {
    const { state } = Deno.permissions.revokeSync({ name });
    if (state === "granted") throw new Error(`The permission "${name}" cannot be given up`);
  }
  return names;
}
