/**
 * What an SNP guest does: its actions by name, and how its kernel takes memory into use. Nothing
 * here knows KVM or the RMP's inside. The actions are carried out by {@link dev.cocovisor.snp.kvm}.
 */
@NullMarked
package dev.cocovisor.snp.guest;

import org.jspecify.annotations.NullMarked;
