package dev.cocovisor.tck.reference;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import java.util.ArrayList;
import java.util.List;

/** The VMM of guests that share their pages in place: conversion is the guest's alone. */
public class InPlaceDriver implements VmmDriver {
  /** Creates the VMM. */
  public InPlaceDriver() {}

  @Override
  public long vmType() {
    return InPlaceBackend.TYPE.number();
  }

  @Override
  public boolean guestMemfd() {
    return false;
  }

  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    String name = toPrivate ? "in_place_unshare" : "in_place_share";
    List<GuestAction> calls = new ArrayList<>();
    for (long at = gpa; at < gpa + size; at += PageLevel.PAGE_SIZE) {
      calls.add(new GuestAction.Vendor(name, new Fields().put("gpa", at)));
    }
    return calls;
  }

  @Override
  public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return 0;
  }
}
