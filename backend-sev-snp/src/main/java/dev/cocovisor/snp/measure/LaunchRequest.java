package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import org.jspecify.annotations.Nullable;

/**
 * Everything that decides a launch measurement, with files already read.
 *
 * @param firmware the OVMF image
 * @param vcpus number of vCPUs
 * @param cpu what each starts with
 * @param hashes the kernel-hashes table; null without a directly booted kernel
 * @param firmwareDigest 48 bytes to start from in place of measuring the firmware's pages
 * @param svsm the SVSM image; null without one
 * @param varsSize bytes of the variable store between firmware and SVSM
 */
@SuppressWarnings("ArrayRecordComponent") // a value handed over once
record LaunchRequest(
    FirmwareImage firmware,
    int vcpus,
    CpuStart cpu,
    @Nullable KernelHashes hashes,
    byte @Nullable [] firmwareDigest,
    @Nullable FirmwareImage svsm,
    long varsSize) {}
