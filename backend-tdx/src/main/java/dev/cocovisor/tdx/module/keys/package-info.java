/**
 * Keys and what they encrypt: which HKID is whose, and which frames hold a TD's ciphertext. A page
 * that left a TD stays ciphertext until its lines are written back. A write with a foreign key is
 * remembered until the TD reads it.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.module.keys;
