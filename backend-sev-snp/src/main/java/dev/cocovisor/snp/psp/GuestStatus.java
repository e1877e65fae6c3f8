package dev.cocovisor.snp.psp;

/**
 * What SNP_GUEST_STATUS tells of a guest.
 *
 * @param policy the guest policy
 * @param asid the ASID it is bound to, 0 if it is not active
 * @param state where it is in its life
 */
public record GuestStatus(long policy, int asid, GuestState state) {}
