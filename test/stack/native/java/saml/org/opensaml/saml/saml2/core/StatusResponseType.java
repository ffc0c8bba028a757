package org.opensaml.saml.saml2.core;

/** Stands in for the type of OpenSAML, which is not on Maven Central; nothing here logs in with SAML. */
public interface StatusResponseType {}
