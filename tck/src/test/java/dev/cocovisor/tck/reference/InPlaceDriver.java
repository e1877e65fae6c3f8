package dev.cocovisor.tck.reference;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
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

  /** Only the guest can share its pages and take them back: the host has no call for it. */
  @Override
  public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return -Errno.EOPNOTSUPP.number();
  }

  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return List.of(
        new GuestAction.Vendor("in_place_share", new Fields().put("gpa", 1)),
        new GuestAction.Vendor("in_place_unshare", new Fields().put("gpa", 1)));
  }

  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    return action instanceof GuestAction.Vendor
            && result.exit() instanceof Exit.Done d
            && d.value() == InPlaceOps.REFUSED
        ? new GuestAnswer.Refused(d.value(), "INVALID_PARAMETER")
        : VmmDriver.super.judge(action, result);
  }
}
