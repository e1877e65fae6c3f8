package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.page.RecParams;

/**
 * The RECs of a realm: a granule each, memory for the RMM's own use, and a run page of the host.
 */
abstract class Recs {
  final VmContext vm;
  final Granules granules;

  Recs(VmContext vm, Granules granules) {
    this.vm = vm;
    this.granules = granules;
  }

  /** Makes the REC of a vCPU; on failure nothing is kept. */
  abstract Errno create(Pe pe, RealmVcpu vcpu);

  /** Takes the REC of a vCPU back, which has one. */
  abstract void destroy(Pe pe, RealmVcpu vcpu);

  /** Writes what a vCPU's REC begins with. */
  final void writeParams(long page, RealmVcpu vcpu, long[] aux) {
    new RecParams(
            vcpu.powerOff ? 0 : RecParams.RUNNABLE,
            RecParams.mpidr(vcpu.id),
            0,
            new long[8],
            aux.length,
            aux)
        .write(vm.host().memory().raw(), page);
  }

  final void giveBack(Pe pe, long address) {
    granules.giveBack(pe, vm, address);
  }
}
