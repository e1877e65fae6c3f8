package com.example.cove.tsm;

/**
 * Calls of the CoVE guest extension (COVG) that change the address space. Each names a range of
 * whole pages. Source: CoVE, COVG.
 */
public enum GuestCall {
  /** UNMAPPED to MMIO. */
  ADD_MMIO_REGION(0) {
    @Override
    SbiStatus carryOut(Tvm tvm, TvmVcpu vcpu, long from, long to, Refusals refused) {
      if (!tvm.regions.none(from, to)) {
        return refused.address("the range overlaps a region");
      }
      tvm.regions.set(from, to, GpaRegions.Kind.MMIO);
      return SbiStatus.SUCCESS;
    }
  },
  /** MMIO to UNMAPPED, for every MMIO region that overlaps the range. */
  REMOVE_MMIO_REGION(1) {
    @Override
    SbiStatus carryOut(Tvm tvm, TvmVcpu vcpu, long from, long to, Refusals refused) {
      return tvm.regions.removeOverlapping(from, to, GpaRegions.Kind.MMIO)
          ? SbiStatus.SUCCESS
          : refused.address("no MMIO region overlaps the range");
    }
  },
  /** MAPPABLE to SHAREABLE, MAPPED to MAPPED_SHAREABLE; blocks the caller. */
  SHARE_MEMORY_REGION(2) {
    @Override
    SbiStatus carryOut(Tvm tvm, TvmVcpu vcpu, long from, long to, Refusals refused) {
      return change(
          tvm, vcpu, from, to, refused, GpaRegions.Kind.CONFIDENTIAL, GpaRegions.Kind.SHARED);
    }
  },
  /** SHAREABLE to MAPPABLE, SHARED to UNSHARED, MAPPED_SHAREABLE to MAPPED; blocks the caller. */
  UNSHARE_MEMORY_REGION(3) {
    @Override
    SbiStatus carryOut(Tvm tvm, TvmVcpu vcpu, long from, long to, Refusals refused) {
      return change(
          tvm, vcpu, from, to, refused, GpaRegions.Kind.SHARED, GpaRegions.Kind.CONFIDENTIAL);
    }
  };

  private final int fid;

  GuestCall(int fid) {
    this.fid = fid;
  }

  /** Returns the function id, {@code a6} of the call. */
  public int fid() {
    return fid;
  }

  abstract SbiStatus carryOut(Tvm tvm, TvmVcpu vcpu, long from, long to, Refusals refused);

  private static SbiStatus change(
      Tvm tvm,
      TvmVcpu vcpu,
      long from,
      long to,
      Refusals refused,
      GpaRegions.Kind is,
      GpaRegions.Kind wanted) {
    if (!tvm.regions.all(from, to, is)) {
      return refused.param("part of the range is not " + is);
    }
    tvm.regions.set(from, to, wanted);
    vcpu.blockedFrom = from;
    vcpu.blockedTo = to;
    return SbiStatus.SUCCESS;
  }
}
