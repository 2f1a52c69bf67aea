/**
 * Environment variables that steer Deno, the dynamic linker or the C library instead of this
 * program. They are removed first, so that started programs do not have them either.
 *
 * Some of Deno's variables, such as SSLKEYLOGFILE, take effect before our first instruction:
 * install.sh removes their names from the executable. With another build of Deno, the program
 * executes itself again without a variable that has a lasting effect. LD_* and TZ have been used by
 * the linker and the C library, as in any program; only root can set LD_* for root.
 *
 * Source: ld.so(8) on secure-execution mode, for the variables that glibc removes from programs
 * with more rights than their caller; deno's, Node's and rustls' documentation for the runtime's.
 */

/** Variables of Deno and its libraries, for example to export metrics or TLS keys. */
const RUNTIME =
  /^(?:DENO_|NODE_|OTEL_|V8_|RUST_|UV_|SSL_|TOKIO_|SSLKEYLOGFILE$|(?:https?|all|no)_proxy$)/i;
/** Variables of the dynamic linker and the C library. */
const LIBRARY =
  /^(?:LD_|GLIBC_|MALLOC_|GCONV_PATH$|GETCONF_DIR$|HOSTALIASES$|LOCALDOMAIN$|LOCPATH$|NIS_PATH$|NLSPATH$|RES(?:OLV)?_|TMPDIR$|TZDIR$)/;
/** Variables that Deno reads only at start, with a lasting effect. */
const LASTING = /^(?:DENO_LOG|RUST_LOG)$/;

/** Whether a variable steers Deno or the libraries. */
export function isSteering(name: string): boolean {
  return RUNTIME.test(name) || LIBRARY.test(name);
}

/** Removes such variables from this process; reports whether one has a lasting effect. */
export function dropSteeringVariables(): { readonly hasLastingEffect: boolean } {
  let hasLastingEffect = false;
  for (const name of Object.keys(Deno.env.toObject())) {
    if (!isSteering(name)) continue;
    Deno.env.delete(name);
    hasLastingEffect ||= LASTING.test(name);
  }
  return { hasLastingEffect };
}
