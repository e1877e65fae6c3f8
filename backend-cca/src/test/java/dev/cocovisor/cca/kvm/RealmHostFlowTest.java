package dev.cocovisor.cca.kvm;

/** The host's flow under an RMM of 1.0. */
class RealmHostFlowTest extends RealmHostFlow {
  RealmHostFlowTest() {
    super("1.0");
  }
}
