/**
 * Environment variables that steer the runtime, the dynamic linker or the C library instead of this
 * program. They are removed before anything is done, so that nothing started here has them either.
 *
 * Some variables of the runtime have their effect before our first instruction, such as SSLKEYLOGFILE:
 * install.sh takes their names out of it. A runtime of another origin is executed anew without the variable
 * where the effect lasts. LD_* and TZ have been heeded by the linker and the C library, as for any program;
 * only root can set LD_* for root.
 *
 * Source: ld.so(8) on secure-execution mode, for the variables that glibc removes from programs with more
 * rights than their caller; deno's, Node's and rustls' documentation for the runtime's.
 */

/** Of the runtime, and of libraries in it: metrics to another address, keys of TLS to a file. */
const RUNTIME =
  /^(?:DENO_|NODE_|OTEL_|V8_|RUST_|UV_|SSL_|TOKIO_|SSLKEYLOGFILE$|(?:https?|all|no)_proxy$)/i;
/** Of the dynamic linker and the C library. */
const LIBRARY =
  /^(?:LD_|GLIBC_|MALLOC_|GCONV_PATH$|GETCONF_DIR$|HOSTALIASES$|LOCALDOMAIN$|LOCPATH$|NIS_PATH$|NLSPATH$|RES(?:OLV)?_|TMPDIR$|TZDIR$)/;
/** Read by the runtime once, as it starts, with an effect that lasts. */
const LASTING = /^(?:DENO_LOG|RUST_LOG)$/;

/** True for a variable that steers the runtime or the libraries. */
export function isSteering(name: string): boolean {
  return RUNTIME.test(name) || LIBRARY.test(name);
}

/** Removes them from this process; says whether one had an effect that lasts. */
export function dropSteeringVariables(): { readonly hasLastingEffect: boolean } {
  let hasLastingEffect = false;
  for (const name of Object.keys(Deno.env.toObject())) {
    if (!isSteering(name)) continue;
    Deno.env.delete(name);
    hasLastingEffect ||= LASTING.test(name);
  }
  return { hasLastingEffect };
}
