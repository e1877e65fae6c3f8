package dev.cocovisor.cca.kvm;

/** The host's flow under an RMM of 2.0. */
class RealmHostFlow2Test extends RealmHostFlow {
  RealmHostFlow2Test() {
    super("2.0");
  }
}
