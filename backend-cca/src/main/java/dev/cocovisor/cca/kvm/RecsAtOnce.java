package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;

/** RECs under RMI 1.0: the host asks how much memory one takes and brings it with the call. */
// The CCA series, arch/arm64/kvm/rmi.c: kvm_create_rec, kvm_destroy_rec.
final class RecsAtOnce extends Recs {
  private final Rmi1 rmm;
  private final long rd;

  RecsAtOnce(VmContext vm, Rmi1 rmm, Granules granules, long rd) {
    super(vm, granules);
    this.rmm = rmm;
    this.rd = rd;
  }

  @Override
  Errno create(Pe pe, RealmVcpu vcpu) {
    if (rmm.recAuxCount(pe, rd) != Status.SUCCESS) {
      return Errno.ENXIO;
    }
    long[] aux = new long[(int) pe.x1()];
    int got = 0;
    long missing = Granules.NONE;
    while (got < aux.length) {
      long a = granules.allocateDelegated(pe);
      if (a < 0) {
        missing = a;
        break;
      }
      aux[got++] = a;
    }
    long rec = got == aux.length ? granules.allocateDelegated(pe) : missing;
    long run = rec < 0 ? rec : granules.allocatePage();
    long page = run < 0 ? run : granules.allocatePage();
    Errno errno = Granules.why(page);
    if (page >= 0) {
      writeParams(page, vcpu, aux);
      errno = rmm.recCreate(pe, rd, rec, page) == Status.SUCCESS ? Errno.OK : Errno.ENXIO;
      granules.freePage(page);
    }
    if (errno.ok()) {
      vcpu.rec = rec;
      vcpu.run = run;
      vcpu.aux = aux;
      return errno;
    }
    if (run >= 0) {
      granules.freePage(run);
    }
    if (rec >= 0) {
      giveBack(pe, rec);
    }
    for (int i = 0; i < got; i++) {
      giveBack(pe, aux[i]);
    }
    return errno;
  }

  private void leak(long address) {
    String why = "RMI_REC_DESTROY failed (kvm_destroy_rec warns and leaks)";
    vm.leak(address >>> PageLevel.PAGE_SHIFT, 1, why);
  }

  @Override
  void destroy(Pe pe, RealmVcpu vcpu) {
    granules.freePage(vcpu.run);
    long rec = vcpu.rec;
    vcpu.rec = Granules.NONE;
    if (rmm.recDestroy(pe, rec) != Status.SUCCESS) {
      leak(rec);
      for (long a : vcpu.aux) {
        leak(a);
      }
      return;
    }
    giveBack(pe, rec);
    for (long a : vcpu.aux) {
      giveBack(pe, a);
    }
  }
}
