# How the JVM is started for a command. Both launchers read this (bash and sh), and what preloads classes for them.

# shellcheck shell=sh disable=SC2034 # whoever reads this uses what it sets
# What every start has.
always="-XX:+UseSerialGC --enable-native-access=ALL-UNNAMED -Dguice_bytecode_gen_option=DISABLED"

# Tells whether a command starts often and does little: backends alone, or a measure that has nothing but a mode and its inputs.
plain() {
  [ "${1:-}" = backends ] && { [ $# -eq 1 ]; return; }
  [ "${1:-}" = measure ] || return 1
  case ${2:-} in '' | -*) return 1 ;; esac
  for word in "$@"; do
    case $word in
      --ovmf | --vcpus | --vcpu-* | --kernel | --initrd | --append | --vmm-type | --host-kernel | --guest-features | --product) ;;
      --svsm | --vars-* | --snp-ovmf-hash | --steps | --hash-algo*) ;;
      -*) return 1 ;;
    esac
  done
}

# Sets how a command starts: classpath and preloaded, files of the folder of jars; options, its own; hashing, yes where it is
# interpreted but for the hashes, which the better compiler knows by heart.
start() {
  options='' hashing=no
  # What starts often and needs little has a class path, and an archive of preloaded classes, of its own.
  if plain "$@"; then
    classpath=quick.classpath preloaded=plain.jsa hashing=yes
    return
  fi
  case ${1:-} in
    # Long commands want the better compiler; exploration a scheduler of its own for its threads.
    explore | bugs | races | campaign) options='--add-opens java.base/java.lang=ALL-UNNAMED' ;;
    replay | generate | tck | live | record) ;;
    *) options=-XX:TieredStopAtLevel=1 ;;
  esac
  case ${1:-} in
    backends | measure) classpath=quick.classpath preloaded=quick.jsa ;;
    *) classpath=classpath preloaded=cocovisor.jsa ;;
  esac
}
