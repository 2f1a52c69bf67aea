# shellcheck shell=dash
# shellcheck disable=SC2034 # built is of installation.sh, which stands before this in a release
# Commands of the install.sh in a release.

built=.
unset CDPATH # cd would go elsewhere
cd "$(dirname "$0")" || exit
case ${1-install} in
  install) [ $# = 0 ] || shift; install_all "$@" ;;
  --prefix | --prefix=*) install_all "$@" ;;
  uninstall) shift; uninstall_all "$@" ;;
  *)
    say "usage: ./install.sh [install | uninstall] [--prefix DIR]    (default /usr/local; honours DESTDIR)"
    exit 2
    ;;
esac
